//! Text from a guest, made fit for a log line or an answer.

/// `text` without control characters and cut to at most `bytes` bytes, at a character's boundary.
///
/// Control characters would let a guest forge log lines or steer a terminal; the Unicode
/// direction and line separators do the same to a reader. Each becomes U+FFFD.
pub(crate) fn plain(text: &str, bytes: usize) -> String {
    let mut plain = String::with_capacity(text.len().min(bytes));
    for character in text.chars() {
        let character = if deceives(character) { char::REPLACEMENT_CHARACTER } else { character };
        if plain.len() + character.len_utf8() > bytes {
            break;
        }
        plain.push(character);
    }
    plain
}

/// As [`plain`], but line feeds and tabs stay: for a log field that is a compiler's message or a
/// backtrace.
pub(crate) fn plain_lines(text: &str, bytes: usize) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let room = bytes.saturating_sub(lines.len());
        if room == 0 {
            break;
        }
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(&plain(&line.replace('\t', "    "), room));
    }
    lines
}

fn deceives(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_direction_characters_are_replaced() {
        assert_eq!(plain("a\u{1b}[31m\nb\u{202e}c", 100), "a\u{fffd}[31m\u{fffd}b\u{fffd}c");
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(plain("aéé", 4), "aé");
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(plain_lines("one\n\ttwo\u{7}", 100), "one\n    two\u{fffd}");
    }
}
