//! The gateway, from outside: a whole node in this process, over real TLS.
//!
//! One file per question a stranger would ask of it. Costs are asserted on counts and bytes,
//! never on time.

mod gateway {
    pub(super) mod audit;
    pub(super) mod backup;
    pub(super) mod backup_of_three;
    pub(super) mod crowd;
    pub(super) mod damage;
    pub(super) mod desk;
    pub(super) mod door;
    pub(super) mod elsewhere;
    pub(super) mod every;
    pub(super) mod figures;
    pub(super) mod files;
    pub(super) mod hostile;
    pub(super) mod journeys;
    pub(super) mod keys;
    pub(super) mod operator;
    pub(super) mod quiet;
    pub(super) mod resume;
    pub(super) mod rights;
    pub(super) mod roles;
    pub(super) mod slow;
    pub(super) mod stage;
    pub(super) mod tenants;
}
