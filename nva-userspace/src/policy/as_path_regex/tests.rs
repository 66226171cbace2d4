//! Tables and properties of AS-path expressions.

use proptest::prelude::*;

use super::*;
use crate::attributes::{Segment, SegmentKind};
use crate::net::Asn;

fn regex(text: &str) -> AsPathRegex {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A path from the text that `AsPath` prints.
fn path(text: &str) -> AsPath {
    let mut path = AsPath::default();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (kind, inner, after) = match first {
            '{' => (SegmentKind::Set, &rest[1..], '}'),
            '(' => (SegmentKind::ConfedSequence, &rest[1..], ')'),
            '[' => (SegmentKind::ConfedSet, &rest[1..], ']'),
            _ => (SegmentKind::Sequence, rest, '{'),
        };
        let end = inner.find(|c| c == after || (kind == SegmentKind::Sequence && "([".contains(c)));
        let numbers = &inner[..end.unwrap_or(inner.len())];
        let asns = numbers.split([' ', ',']).filter(|number| !number.is_empty());
        let asns = asns.map(|number| number.parse::<Asn>().expect(text)).collect();
        path.segments.push(Segment { kind, asns });
        let skipped = if kind == SegmentKind::Sequence { 0 } else { 1 };
        rest = end.map_or("", |end| inner[end + skipped..].trim_start());
    }
    assert_eq!(path.to_string(), text, "the test's own parser");
    path
}

/// Each expression with paths that it finds and paths that it does not.
#[rustfmt::skip]
const TABLE: &[(&str, &[&str], &[&str])] = &[
    // The article's: routes of the NVAs as the hub receives them, before 65000 is in front.
    ("^6510[0-9]", &["65100", "65109", "65100 65100", "65105 64512"], &["65000 65100", "65110", "64512", ""]),
    // Digits are digits: Cisco finds them inside longer numbers as well.
    ("6510", &["65100", "65000 65101", "465103", "6510"], &["651", "65200", ""]),
    ("^65100", &["65100", "651001"], &["65101"]),
    ("_65100_", &["65100", "65000 65100", "65100 65000", "1 65100 2", "1 {65100,3}", "(65100) 1", "1 [2,65100]"],
              &["651001", "465100", "65000 465100", ""]),
    ("_6510_", &["6510", "1 6510 2"], &["65100", "1 65101"]),
    ("^$", &[""], &["65000", "{1}"]),
    (".*", &["", "65000", "1 {2,3}"], &[]),
    (".", &["1"], &[""]),
    ("^65000_(65100|65101)$", &["65000 65100", "65000 65101"], &["65000 65102", "65000 65100 1", "65000"]),
    ("^65000(_65100)*$", &["65000", "65000 65100", "65000 65100 65100"], &["65000 65101"]),
    ("^(65100_)+$", &["65100", "65100 65100"], &["65100 1", ""]),
    ("^65100(_65100)?$", &["65100", "65100 65100"], &["65100 65100 65100"]),
    ("^[0-9]+$", &["1", "4294967295"], &["1 2", "{1}", ""]),
    ("^[0-9]+_[0-9]+$", &["1 2"], &["1", "1 2 3", "1 {2}"]),
    ("^[^1-3 ]+$", &["4", "505", "{4}"], &["1", "42", "4 4"]),
    ("_6451[2-9]_|_645[2-9][0-9]_", &["64512", "1 64520"], &["64511", "1 64500"]),
    ("(^65000|65515$)", &["65000 1", "1 65515"], &["1 65000", "65515 1"]),
    // Braces are those of sets, never counts.
    ("[0-9]+_{1,2}", &["65000 {1,2}", "1 {1,2} 5"], &["65000", "65000 {1}", "65000 1 1", "{1,2}"]),
    ("_{1,2}$", &["65000 {1,2}", "{1,2}"], &["65000 {1,2} 3", "65000 {2,1}"]),
    ("^{1,2}$", &["{1,2}"], &["1 {1,2}"]),
    ("\\{", &["1 {2}"], &["1", "(1) 2"]),
    ("^[0-9 ]*{.*}$", &["1 2 {3,4}", "{3}"], &["1 2", "1 (2) 3"]),
    ("_2_", &["1 {2,3}", "1 {3,2}", "{2}", "(2 3)", "[2,3]"], &["1 {22}"]),
    // Confederations: the parentheses are escaped, those of a group are not.
    ("^\\(65001_65002\\)_65100$", &["(65001 65002) 65100"], &["65001 65002 65100", "(65001) 65100"]),
    ("^\\[1,2\\]", &["[1,2] 3"], &["{1,2} 3", "1"]),
    ("[][(){}]", &["1 {2}", "(1) 2", "[1] 2"], &["1 2", ""]),
    ("^[^]{]*$", &["1 2", ""], &["[1]", "{1}"]),
    // A border takes its character away, so that two borders need two of them.
    ("_1__2_", &["1 {2}"], &["1 2"]),
    ("_1_2_", &["1 2"], &["12"]),
    ("1 2", &["1 2", "31 25"], &["12"]),
    ("1,2", &["{1,2}"], &["1 2"]),
    ("^1_*2$", &["12", "1 2"], &["1 3 2"]),
];

#[test]
fn what_is_found_where() {
    for (text, inside, outside) in TABLE {
        let regex = regex(text);
        assert_eq!(regex.to_string(), *text);
        for given in *inside {
            assert!(regex.is_match(&path(given)), "`{text}` must find something in `{given}`");
        }
        for given in *outside {
            assert!(!regex.is_match(&path(given)), "`{text}` must find nothing in `{given}`");
        }
    }
}

#[test]
fn what_is_refused_where_and_why() {
    use AsPathRegexProblem as Problem;
    for (text, position, problem) in [
        (r"\d+", 2, Problem::LetterEscape('d')),
        (r"_(1)\1", 6, Problem::LetterEscape('1')),
        (r"\é", 2, Problem::LetterEscape('é')),
        ("1\\", 2, Problem::TrailingBackslash),
        ("(?i)1", 1, Problem::SpecialGroup),
        ("1(?:2)", 2, Problem::SpecialGroup),
        ("*1", 1, Problem::NothingToRepeat('*')),
        ("^+", 2, Problem::NothingToRepeat('+')),
        ("1|?", 3, Problem::NothingToRepeat('?')),
        ("(*)", 2, Problem::NothingToRepeat('*')),
        ("1*?", 3, Problem::DoubleRepetition('?')),
        ("1++", 3, Problem::DoubleRepetition('+')),
        ("1{2}", 2, Problem::Count),
        ("6510[0-9]{1,2}", 10, Problem::Count),
        ("(_1){3}", 5, Problem::Count),
        (".{3}", 2, Problem::Count),
        ("(1|2", 1, Problem::UnclosedGroup),
        ("1)", 2, Problem::UnopenedGroup),
        ("1|", 2, Problem::EmptyAlternative),
        ("|1", 1, Problem::EmptyAlternative),
        ("1()", 3, Problem::EmptyAlternative),
        ("(1||2)", 4, Problem::EmptyAlternative),
        ("1[0-9", 2, Problem::UnclosedBracket),
        ("[]", 1, Problem::UnclosedBracket),
        ("[^]", 1, Problem::UnclosedBracket),
        ("1]", 2, Problem::UnopenedBracket),
        ("[_1]", 2, Problem::BorderInBrackets),
        ("[[:digit:]]", 2, Problem::NamedClass),
        ("[9-0]", 4, Problem::Range),
        ("[0-]", 4, Problem::Range),
        ("[-9]", 2, Problem::Range),
        ("[0-9&&5]", 5, Problem::NeverInPath('&')),
        ("[1|2]", 3, Problem::NeverInPath('|')),
        ("[\\.]", 3, Problem::NeverInPath('.')),
        ("65000-65100", 6, Problem::Hyphen),
        ("AS65000", 1, Problem::NeverInPath('A')),
        ("1\\.10", 3, Problem::NeverInPath('.')),
        ("é", 1, Problem::NeverInPath('é')),
        ("1\n", 2, Problem::NeverInPath('\n')),
        ("\u{666}", 1, Problem::NeverInPath('\u{666}')),
    ] {
        let error = text.parse::<AsPathRegex>().expect_err(text);
        assert_eq!(error, AsPathRegexError::Syntax { position, problem }, "{text}");
        assert!(error.to_string().starts_with(&format!("AS-path expression, character {position}: ")), "{error}");
    }
    assert_eq!("".parse::<AsPathRegex>(), Err(AsPathRegexError::Empty));
    let deep = format!("{}1{}", "(".repeat(1000), ")".repeat(1000));
    assert_eq!(deep.parse::<AsPathRegex>(), Err(AsPathRegexError::TooComplex));
    assert_eq!("(_1)*".repeat(20_000).parse::<AsPathRegex>(), Err(AsPathRegexError::TooComplex));
}

#[test]
fn equality_is_that_of_the_text() {
    assert_eq!(regex("^6510[0-9]"), regex("^6510[0-9]"));
    assert_ne!(regex("^6510[0-9]"), regex("^6510[0123456789]"));
}

/// A backtracking matcher would need more steps than there are atoms for any of these.
#[test]
fn expressions_that_ruin_backtracking_end_on_the_longest_paths() {
    let long = AsPath::sequence((0..4_000).map(|_| Asn(11_111)));
    for (text, found) in [
        ("^((1*)*)*$", false),
        ("^(1|11|1+)+2$", false),
        ("^(_|1)*2$", false),
        ("^(([0-9]+_)+)+$", true),
        ("(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)2$", false),
        ("^(1?_?)*$", true),
    ] {
        assert_eq!(regex(text).is_match(&long), found, "{text}");
    }
}

/// Text that is mostly made of what expressions are made of.
fn nearly_an_expression() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9_^$.*+?()|{}\\[\\], -]{0,24}",
        "([0-9]|_|\\^|\\$|\\.|[0-9]\\*|_\\+|\\[0-9\\]|\\[\\^1-3\\]\\?|\\\\\\(|\\(1\\|2\\)|\\|1|_\\{1,2\\}){1,12}",
        "\\PC{0,24}",
    ]
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_refused(text in nearly_an_expression(), hops in prop::collection::vec(0u32..70_000, 0..6)) {
        match text.parse::<AsPathRegex>() {
            Ok(regex) => {
                // Whether it matches is the table's business; that it can be asked and gives one answer is this one's.
                let path = AsPath::sequence(hops.into_iter().map(Asn));
                prop_assert_eq!(regex.is_match(&path), regex.clone().is_match(&path));
                prop_assert_eq!(regex.to_string(), text);
            }
            Err(AsPathRegexError::Syntax { position, .. }) => {
                prop_assert!((1..=text.chars().count()).contains(&position), "{} in {:?}", position, text);
            }
            Err(AsPathRegexError::Empty) => prop_assert!(text.is_empty()),
            Err(AsPathRegexError::TooComplex) => prop_assert!(false, "{:?} is short", text),
        }
    }

    #[test]
    fn borders_find_exactly_the_whole_numbers(wanted in 0u32..300, hops in prop::collection::vec(0u32..300, 0..8)) {
        let path = AsPath::sequence(hops.into_iter().map(Asn));
        prop_assert_eq!(regex(&format!("_{wanted}_")).is_match(&path), path.contains(Asn(wanted)));
        prop_assert_eq!(regex(&format!("^{wanted}_")).is_match(&path), path.neighbour_as() == Some(Asn(wanted)));
        prop_assert_eq!(regex(&format!("_{wanted}$")).is_match(&path), path.origin_as() == Some(Asn(wanted)));
    }
}
