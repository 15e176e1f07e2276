//! Two and three houses.
