//! Rust, read just well enough: comments and texts are blanked, lines stay where they are.

/// The code of a file: comments and the insides of strings and characters are spaces.
pub(crate) fn code(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let end = after_token(&letters, at);
        let keep = end == at + 1;
        out.extend(letters[at..end].iter().map(|&letter| match letter {
            '\n' => '\n',
            letter if keep => letter,
            '"' => '"',
            _ => ' ',
        }));
        at = end;
    }
    out
}

/// The place after the comment, string or character that begins here, or after this one letter.
fn after_token(letters: &[char], at: usize) -> usize {
    let next = |ahead: usize| letters.get(at + ahead).copied().unwrap_or(' ');
    let glued = at > 0 && (letters[at - 1].is_alphanumeric() || letters[at - 1] == '_');
    match letters[at] {
        '/' if next(1) == '/' => find(letters, at, |rest| rest[0] == '\n'),
        '/' if next(1) == '*' => after_block(letters, at),
        '"' => after_string(letters, at + 1),
        'r' if !glued && (next(1) == '"' || (next(1) == '#' && "#\"".contains(next(2)))) => {
            after_raw(letters, at + 1)
        }
        '\'' if next(1) == '\\' => find(letters, at + 3, |rest| rest[0] == '\'') + 1,
        // A character, not a lifetime: the quote closes after one letter.
        '\'' if next(2) == '\'' => at + 3,
        _ => at + 1,
    }
    .min(letters.len())
}

fn find(letters: &[char], from: usize, here: impl Fn(&[char]) -> bool) -> usize {
    (from..letters.len()).find(|&at| here(&letters[at..])).unwrap_or(letters.len())
}

fn after_block(letters: &[char], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at < letters.len() {
        match letters[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn after_string(letters: &[char], from: usize) -> usize {
    let mut at = from;
    while at < letters.len() {
        match letters[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

fn after_raw(letters: &[char], from: usize) -> usize {
    let hashes = letters[from..].iter().take_while(|&&letter| letter == '#').count();
    let close = |rest: &[char]| {
        rest[0] == '"' && rest[1..].iter().take_while(|&&l| l == '#').count() >= hashes
    };
    find(letters, from + hashes + 1, close) + 1 + hashes
}

/// The place of the brace that closes the one at `open`.
pub(crate) fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, letter) in code[open..].char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + at;
        }
    }
    code.len()
}

/// Code in two: what runs in the product, and what is only there for tests.
pub(crate) fn split_tests(code: &str) -> (String, String) {
    const MARK: &str = "#[cfg(test)]";
    let (mut product, mut tests) = (String::new(), String::new());
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        let from = at + MARK.len();
        let end = match rest[from..].find(['{', ';']) {
            Some(stop) if rest[from + stop..].starts_with('{') => closing(rest, from + stop),
            Some(stop) => from + stop,
            None => rest.len() - 1,
        };
        let end = (end + 1).min(rest.len());
        product += &rest[..at];
        // Lines stay where they are.
        product.extend(rest[at..end].chars().filter(|&letter| letter == '\n'));
        tests += &rest[at..end];
        rest = &rest[end..];
    }
    product += rest;
    (product, tests)
}

/// The number of the line at this place, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[test]
fn comments_and_texts_are_blanked_and_code_is_not() {
    let text = "let a = \"tokio \\\" {\"; // tokio\nlet b = r#\"} tokio\"#; /* tokio /* } */ */ let c = '{';\nlet d: &'static str = x;";
    let code = code(text);
    assert!(!code.contains("tokio") && !code.contains(['{', '}']), "{code}");
    assert!(code.contains("let c") && code.contains("&'static str = x;"), "{code}");
    assert_eq!(code.lines().count(), 3);
}

#[test]
fn test_modules_are_cut_out_and_lines_stay() {
    let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { c() }\n}\nfn d() {}\n";
    let (product, tests) = split_tests(code);
    assert!(!product.contains("fn b") && product.contains("fn d"));
    assert!(tests.contains("fn b") && !tests.contains("fn d"));
    assert_eq!(line_of(&product, product.find("fn d").expect("it is kept")), 6);
    let (product, _) = split_tests("#[cfg(test)]\n#[path = \"\"]\nmod tests;\nfn e() {}");
    assert!(product.contains("fn e") && !product.contains("mod tests"));
}
