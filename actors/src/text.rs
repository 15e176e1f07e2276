//! What a text must be before it is kept, whatever it says.

/// Whether a text says anything and stays within its bound.
pub(crate) fn fits(text: &str, chars_max: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= chars_max
}

/// Whether a text is a name: it fits, on one line, without control characters.
pub(crate) fn is_name(text: &str, chars_max: usize) -> bool {
    fits(text, chars_max) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert!(fits(&"ä".repeat(5), 5) && !fits(&"ä".repeat(6), 5));
        assert!(!fits(" \n\t", 5) && !fits("", 5));
        assert!(is_name("Frau Yıldız", 20) && !is_name("Frau\nYıldız", 20));
    }
}
