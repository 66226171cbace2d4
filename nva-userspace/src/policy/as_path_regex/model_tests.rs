//! Expressions against two other matchers: one that tries everything, and the C library's, which is what FRR asks.

use std::collections::BTreeSet;
use std::ffi::CString;

use proptest::prelude::*;

use super::*;
use crate::attributes::{Segment, SegmentKind};
use crate::net::Asn;

/// What an expression is made of.
#[derive(Clone, Debug)]
enum Node {
    Literal(char),
    Border,
    Start,
    End,
    Any,
    Class { negated: bool, members: Vec<(char, char)> },
    Group(Vec<Vec<Node>>),
    Repeat { node: Box<Node>, least: usize, most: Option<usize>, sign: String },
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Literal(character @ ('{' | '}' | '(' | ')')) => write!(f, "\\{character}"),
            Node::Literal(character) => write!(f, "{character}"),
            Node::Border => f.write_str("_"),
            Node::Start => f.write_str("^"),
            Node::End => f.write_str("$"),
            Node::Any => f.write_str("."),
            Node::Class { negated, members } => {
                f.write_str(if *negated { "[^" } else { "[" })?;
                for (first, last) in members {
                    if first == last { write!(f, "{first}")? } else { write!(f, "{first}-{last}")? }
                }
                f.write_str("]")
            }
            Node::Group(alternatives) => write!(f, "({})", written(alternatives)),
            Node::Repeat { node, sign, .. } => write!(f, "{node}{sign}"),
        }
    }
}

fn written(alternatives: &[Vec<Node>]) -> String {
    let one = |nodes: &Vec<Node>| nodes.iter().map(ToString::to_string).collect::<String>();
    alternatives.iter().map(one).collect::<Vec<_>>().join("|")
}

/// Where the node may end if it begins at `from`: every possibility, by trying.
fn ends(node: &Node, text: &[u8], from: usize) -> BTreeSet<usize> {
    let one = |is_taken: &dyn Fn(char) -> bool| {
        let taken = text.get(from).is_some_and(|octet| is_taken(char::from(*octet)));
        if taken { BTreeSet::from([from + 1]) } else { BTreeSet::new() }
    };
    let here = |holds: bool| if holds { BTreeSet::from([from]) } else { BTreeSet::new() };
    match node {
        Node::Literal(wanted) => one(&|character| character == *wanted),
        Node::Any => one(&|_| true),
        Node::Class { negated, members } => {
            one(&|character| members.iter().any(|(first, last)| (*first..=*last).contains(&character)) != *negated)
        }
        Node::Start => here(from == 0),
        Node::End => here(from == text.len()),
        Node::Border => {
            let mut ends = here(from == 0 || from == text.len());
            ends.extend(one(&|character| " ,{}()[]".contains(character)));
            ends
        }
        Node::Group(alternatives) => {
            alternatives.iter().flat_map(|nodes| ends_of_all(nodes, text, BTreeSet::from([from]))).collect()
        }
        Node::Repeat { node, least, most, .. } => {
            let again = |starts: &BTreeSet<usize>| starts.iter().flat_map(|from| ends(node, text, *from)).collect();
            let mut reached = BTreeSet::from([from]);
            for _ in 0..*least {
                reached = again(&reached);
            }
            let mut new = reached.clone();
            for _ in 0..most.map_or(usize::MAX, |most| most - least) {
                let more: BTreeSet<usize> = again(&new);
                new = more.difference(&reached).copied().collect();
                if new.is_empty() {
                    break;
                }
                reached.extend(&new);
            }
            reached
        }
    }
}

fn ends_of_all(nodes: &[Node], text: &[u8], starts: BTreeSet<usize>) -> BTreeSet<usize> {
    nodes.iter().fold(starts, |starts, node| starts.iter().flat_map(|from| ends(node, text, *from)).collect())
}

fn is_found(alternatives: &[Vec<Node>], text: &[u8]) -> bool {
    (0..=text.len())
        .any(|from| alternatives.iter().any(|nodes| !ends_of_all(nodes, text, BTreeSet::from([from])).is_empty()))
}

/// Whether an anchor, or a border, is in a repetition. The GNU C library then takes it for granted from the second time on:
/// `(^.)+$` finds 12, where `^.^.$` does not.
fn repeats_an_anchor(node: &Node, repeated: bool) -> bool {
    match node {
        Node::Start | Node::End | Node::Border => repeated,
        Node::Group(alternatives) => alternatives.iter().flatten().any(|node| repeats_an_anchor(node, repeated)),
        Node::Repeat { node, .. } => repeats_an_anchor(node, true),
        Node::Literal(_) | Node::Any | Node::Class { .. } => false,
    }
}

/// The largest expression that the C library is asked about, once repetitions are written out. It takes up to a hundredth
/// of a second for those, and minutes to compile some that are three times as large.
const LARGEST_FOR_FRR: usize = 60;

/// How many atoms the expression has once repetitions are written out.
fn size(alternatives: &[Vec<Node>]) -> usize {
    let one = |node: &Node| match node {
        Node::Group(alternatives) => size(alternatives) + 1,
        Node::Repeat { node, least, most, .. } => {
            let times = most.unwrap_or(least + 1).max(1);
            times * size(&[vec![Node::clone(node)]])
        }
        // FRR writes it as a group of three.
        Node::Border => 4,
        Node::Literal(_) | Node::Start | Node::End | Node::Any | Node::Class { .. } => 1,
    };
    alternatives.iter().flatten().map(one).sum()
}

/// What FRR's bgpd makes of it: `_` replaced, compiled by the C library.
fn is_found_by_frr(expression: &str, text: &str) -> bool {
    let replaced = CString::new(expression.replace('_', "(^|[,{}() ]|$)")).expect("no zero in it");
    let text = CString::new(text).expect("no zero in it");
    let mut compiled = std::mem::MaybeUninit::<libc::regex_t>::uninit();
    // SAFETY: the pattern is a C string, and `compiled` is room for what regcomp writes.
    let code = unsafe { libc::regcomp(compiled.as_mut_ptr(), replaced.as_ptr(), libc::REG_EXTENDED | libc::REG_NOSUB) };
    assert_eq!(code, 0, "{replaced:?}");
    // SAFETY: regcomp has filled it; no matches are asked for.
    let found = unsafe { libc::regexec(compiled.as_ptr(), text.as_ptr(), 0, std::ptr::null_mut(), 0) == 0 };
    // SAFETY: it was filled by regcomp, and is not used after this.
    unsafe { libc::regfree(compiled.as_mut_ptr()) };
    found
}

fn atom() -> impl Strategy<Value = Node> {
    let member = prop_oneof![
        Just(('1', '1')),
        Just(('1', '2')),
        Just(('0', '9')),
        Just((' ', ' ')),
        Just((',', ',')),
        Just(('{', '{')),
        Just(('(', '(')),
    ];
    prop_oneof![
        4 => prop_oneof![Just('1'), Just('2')].prop_map(Node::Literal),
        2 => "[ ,{}()]".prop_map(|text| Node::Literal(text.chars().next().expect("one"))),
        3 => Just(Node::Border),
        1 => Just(Node::Any),
        2 => (any::<bool>(), prop::collection::vec(member, 1..3))
            .prop_map(|(negated, members)| Node::Class { negated, members }),
    ]
}

fn repetition() -> impl Strategy<Value = (usize, Option<usize>, String)> {
    prop_oneof![
        Just((0, None, "*".to_owned())),
        Just((1, None, "+".to_owned())),
        Just((0, Some(1), "?".to_owned())),
        (0..3usize).prop_map(|count| (count, Some(count), format!("{{{count}}}"))),
        (0..3usize).prop_map(|least| (least, None, format!("{{{least},}}"))),
        (0..3usize, 0..3usize).prop_map(|(least, more)| (
            least,
            Some(least + more),
            format!("{{{least},{}}}", least + more)
        )),
    ]
}

/// The node, perhaps repeated; where a brace would be that of a set, only by the other signs.
fn repeated(node: impl Strategy<Value = Node>) -> impl Strategy<Value = Node> {
    (node, prop::option::weighted(0.4, repetition())).prop_map(|(node, repetition)| match repetition {
        Some((.., sign))
            if sign.starts_with('{')
                && matches!(node, Node::Literal(' ' | ',' | '{' | '}' | '(' | ')') | Node::Border) =>
        {
            node
        }
        Some((least, most, sign)) => Node::Repeat { node: Box::new(node), least, most, sign },
        None => node,
    })
}

fn sequence(node: impl Strategy<Value = Node>) -> impl Strategy<Value = Vec<Node>> {
    let anchor = || prop::bool::weighted(0.3);
    (anchor(), prop::collection::vec(node, 1..5), anchor()).prop_map(|(start, nodes, end)| {
        let start = start.then_some(Node::Start);
        start.into_iter().chain(nodes).chain(end.then_some(Node::End)).collect()
    })
}

fn alternatives() -> impl Strategy<Value = Vec<Vec<Node>>> {
    let node = repeated(atom()).prop_recursive(2, 12, 3, |inner| {
        let group = prop::collection::vec(sequence(inner), 1..3).prop_map(Node::Group);
        repeated(prop_oneof![group, atom()])
    });
    prop::collection::vec(sequence(node), 1..3)
}

fn paths() -> impl Strategy<Value = AsPath> {
    let kind = prop_oneof![
        3 => Just(SegmentKind::Sequence),
        1 => Just(SegmentKind::Set),
        1 => Just(SegmentKind::ConfedSequence),
    ];
    let asn = prop_oneof![Just(1), Just(2), Just(12), Just(21)].prop_map(Asn);
    let segment = (kind, prop::collection::vec(asn, 1..4)).prop_map(|(kind, asns)| Segment { kind, asns });
    prop::collection::vec(segment, 0..3).prop_map(|segments| AsPath { segments })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn both_other_matchers_agree(alternatives in alternatives(), paths in prop::collection::vec(paths(), 6)) {
        let written = written(&alternatives);
        let expression: AsPathRegex = written.parse().unwrap_or_else(|error| panic!("{written}: {error}"));
        for path in paths {
            let text = path.to_string();
            let found = expression.is_match(&path);
            prop_assert_eq!(found, is_found(&alternatives, text.as_bytes()), "`{}` in `{}`", written, text);
            if size(&alternatives) > LARGEST_FOR_FRR {
                continue;
            }
            let more = alternatives.iter().flatten().any(|node| repeats_an_anchor(node, false));
            let at_frr = is_found_by_frr(&written, &text);
            prop_assert!(at_frr == found || more && at_frr, "FRR: {} for `{}` in `{}`", at_frr, written, text);
        }
    }
}
