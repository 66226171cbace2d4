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
    let path: AsPath = text.parse().expect(text);
    assert_eq!(path.to_string(), text, "written as it is printed");
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
    ("_65100_", &["65100", "65000 65100", "65100 65000", "1 65100 2", "1 {3,65100}", "(65100) 1", "1 [2,65100]"],
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
    // Braces are those of sets behind a border, an anchor or a repetition.
    ("[0-9]+_{1,2}", &["65000 {1,2}", "1 {1,2} 5"], &["65000", "65000 {1}", "65000 1 1", "{1,2}"]),
    ("_{1,2}$", &["65000 {1,2}", "{1,2}"], &["65000 {1,2} 3", "65000 {1,3}"]),
    ("_[0-9]*{1,2}$", &["{1,2}"], &["3 {1,3}", "11 22"]),
    // And counts behind a digit, a dot, brackets and groups.
    ("^65{2}1$", &["6551"], &["651", "65551"]),
    ("_[0-9]{6,}_", &["1 4200000000", "{100000}"], &["65535 1", ""]),
    ("^([0-9]+_){2,3}$", &["1 2", "1 2 3"], &["1", "1 2 3 4", "1 {2}", ""]),
    ("^.{3,4}$", &["123", "1 23", "{1}"], &["12", "1 234"]),
    ("^1{0}2{1}$", &["2"], &["12", "1"]),
    ("^[[:digit:]]+[[:space:]][^[:digit:][:blank:]]", &["1 {2}", "12 (3)"], &["1 2", "1"]),
    ("^{1,2}$", &["{1,2}"], &["1 {1,2}"]),
    ("\\{", &["1 {2}"], &["1", "(1) 2"]),
    ("^[0-9 ]*{.*}$", &["1 2 {3,4}", "{3}"], &["1 2", "1 (2) 3"]),
    ("_2_", &["1 {2,3}", "1 {1,2}", "{2}", "(2 3)", "[2,3]"], &["1 {22}"]),
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
        ("1{", 2, Problem::Count),
        ("1{}", 2, Problem::Count),
        ("1{,3}", 2, Problem::Count),
        ("1{+2}", 2, Problem::Count),
        ("6510[0-9]{2,1}", 10, Problem::Count),
        ("(_1){256}", 5, Problem::Count),
        (".{1,256}", 2, Problem::Count),
        ("1{2", 2, Problem::Count),
        ("65000{65001,65002}", 6, Problem::Count),
        ("1{2}*", 5, Problem::DoubleRepetition('*')),
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
        ("[[:alpha:]]", 2, Problem::NamedClass),
        ("[0[:digit:", 3, Problem::NamedClass),
        ("[[:digit:]", 1, Problem::UnclosedBracket),
        ("[[:digit:]-9]", 11, Problem::Range),
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
    assert_eq!("(([0-9]{1,255}_){1,255}){1,255}".parse::<AsPathRegex>(), Err(AsPathRegexError::TooComplex));
}

/// Expressions as operators have them in their documents, at Cisco, FRR, Juniper's and others' guides to them, with the
/// paths that these are about.
#[rustfmt::skip]
const DOCUMENTS: &[(&str, &str, &[&str], &[&str])] = &[
    ("own routes", "^$", &[""], &["1"]),
    ("routes of a neighbour alone", "^65001$", &["65001"], &["65001 65001", "165001", "65001 {1}"]),
    ("through a neighbour", "^65001_", &["65001", "65001 2"], &["650012", "2 65001"]),
    ("originated by", "_65001$", &["65001", "2 65001"], &["65001 2", "165001"]),
    ("anywhere", "_65001_", &["65001", "2 65001 3", "{65001}", "2 {1,65001}"], &["650011", "2 165001"]),
    ("adjacent pair", "_65001_65002_", &["65001 65002", "1 65001 65002 2"], &["65002 65001", "65001 1 65002"]),
    ("a neighbour and its customers", "^65001(_[0-9]+)?$", &["65001", "65001 2"], &["65001 2 3", "2"]),
    ("a neighbour and theirs, the other way", "^65001_[0-9]*$", &["65001", "65001 2"], &["65001 2 3", "2"]),
    ("a neighbour's prepended", "^65001(_65001)*$", &["65001", "65001 65001 65001"], &["65001 2", "65001 65002"]),
    ("one of several neighbours", "^(65001|65002)_", &["65001 1", "65002"], &["65003", "1 65001"]),
    ("any single AS", "^[0-9]+$", &["1", "4200000000"], &["", "1 2", "{1}"]),
    ("exactly two", "^[0-9]+_[0-9]+$", &["1 2"], &["1", "1 2 3"]),
    ("long paths", "^([0-9]+_){4,}", &["1 2 3 4", "1 2 3 4 5"], &["1 2 3"]),
    ("everything", ".*", &["", "1", "1 {2}"], &[]),
    ("not empty", ".+", &["1"], &[""]),
    ("private 16-bit ASes", "_(6451[2-9]|645[2-9][0-9]|64[6-9][0-9][0-9]|65[0-4][0-9][0-9]|655[0-2][0-9]|6553[0-4])_",
        &["64512", "1 65534 2", "{64999}"], &["64511", "65535", "164512"]),
    ("private 32-bit ASes", "_42[0-9]{8}_", &["4200000000", "1 4294967294"], &["420000000", "4100000000"]),
    ("documentation ASes", "_(6449[6-9]|6450[0-9]|6451[0-1])_", &["64496", "1 64511"], &["64512", "64495"]),
    ("transit-free networks from a customer", "^65001_(.+_)?(174|701|1299|2914|3257|3320|3356|6453|6461|6762|7018)_",
        &["65001 174", "65001 9 3356 1"], &["65001 9", "174", "65001 1740"]),
    ("an aggregate's contributors", "{.*65001.*}", &["1 {65001,65002}", "{65001}"], &["1 65001"]),
    ("through a confederation's member", "^\\(65001", &["(65001) 1", "(65001 65002)"], &["65001", "1"]),
];

#[test]
fn what_operators_write_means_what_they_say() {
    for (what, text, inside, outside) in DOCUMENTS {
        let regex = regex(text);
        for given in *inside {
            assert!(regex.is_match(&path(given)), "{what}: `{text}` must find something in `{given}`");
        }
        for given in *outside {
            assert!(!regex.is_match(&path(given)), "{what}: `{text}` must find nothing in `{given}`");
        }
    }
}

#[test]
fn the_order_in_a_set_means_nothing() {
    let set = |numbers: &[u32]| AsPath {
        segments: vec![Segment { kind: SegmentKind::Set, asns: numbers.iter().copied().map(Asn).collect() }],
    };
    for numbers in [&[1, 12, 2][..], &[2, 1, 12], &[12, 2, 1, 2]] {
        assert!(regex("^{1,2,12}$").is_match(&set(numbers)), "{numbers:?}");
        assert!(!regex("{2,1").is_match(&set(numbers)), "{numbers:?}");
    }
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
        ("^(1{0,9}){0,9}(_?1*){0,9}2$", false),
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
