//! What serde and the TOML parser find wrong, in the words of somebody who writes configurations.

/// How alike two keys must be for one to be taken for the other mistyped.
const ALIKE: f64 = 0.8;

/// Says `message`, an error of the parser about `place`, the text that it is about, so that an operator knows what to
/// write; one that is not known stays as it is.
pub(super) fn in_words(message: &str, place: &str) -> String {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return unknown_key(rest).unwrap_or_else(|| message.to_owned());
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        return match key {
            "`router`" => "there is no [router] table: it needs asn and router-id".to_owned(),
            _ => format!("the key {key} is missing in this table"),
        };
    }
    let types = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    if let Some((found, expected)) = types.and_then(|rest| rest.rsplit_once(", expected ")) {
        return mismatch(found, expected, place);
    }
    match message {
        "duplicate key" => format!("`{place}` stands here for the second time"),
        _ if message.starts_with("invalid float") => format!("{message}: text such as an address stands in quotes"),
        _ => message.to_owned(),
    }
}

/// "`hold_time`, expected one of `name`, `hold-time`".
fn unknown_key(rest: &str) -> Option<String> {
    let mut names = rest.split('`').skip(1).step_by(2);
    let written = names.next()?;
    let known: Vec<&str> = names.collect();
    let wanted = written.replace('_', "-");
    let alike = |key: &&str| strsim::jaro_winkler(&wanted, key);
    let nearest = known.iter().copied().max_by(|one, other| alike(one).total_cmp(&alike(other)));
    Some(match nearest.filter(|key| alike(key) >= ALIKE) {
        Some(key) => format!("unknown key `{written}`: did you mean `{key}`?"),
        None => format!("unknown key `{written}`: this table has {}", known.join(", ")),
    })
}

fn mismatch(found: &str, expected: &str, place: &str) -> String {
    let number = found.strip_prefix("floating point ");
    let value = number.or(found.split_once(' ').map(|(_, value)| value)).unwrap_or(found).trim_matches('`');
    match (expected, found) {
        ("a sequence", "map") => {
            return "expected several tables: write the name in double brackets, such as [[peer]]".to_owned();
        }
        ("a sequence", _) if found.starts_with("string ") => return format!("expected a list: write [{value}]"),
        // To serde a list of one table is the list of that table's values.
        (_, "map") if place.starts_with("[[") => {
            return "expected one table: write its name in single brackets, such as [fib]".to_owned();
        }
        (_, _) => {}
    }
    let expected = match expected {
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "usize" => "a whole number".to_owned(),
        "a string" => "text in quotes".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list in brackets".to_owned(),
        "struct ThenTable" => "a table such as { accept = true }".to_owned(),
        other if other.starts_with("struct ") => "a table".to_owned(),
        other => other.to_owned(),
    };
    let found = match found {
        "map" => "a table",
        "sequence" => "a list",
        _ => value,
    };
    format!("expected {expected}, not {found}")
}
