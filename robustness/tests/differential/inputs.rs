//! The UPDATEs that all decoders read.

use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use nva::attributes::{
    Aggregator, AsPath, Community, ExtendedCommunity, LargeCommunity, Origin, PathAttributes, Segment, SegmentKind,
};
use nva::net::{AfiSafi, Asn, Prefix};
use nva::packet::iana::message_type;
use nva::packet::{Announced, CodecContext, Message, NextHop, Update, encode, frame_length};
use nva_tests::malformed::{SessionKind, updates};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

/// UPDATEs that are generated.
const GENERATED: usize = 2000;

/// An UPDATE and the session on which it comes.
pub struct Input {
    /// Where it is from.
    pub name: String,
    pub frame: Vec<u8>,
    pub context: CodecContext,
}

/// The UPDATEs of the fuzz targets' corpora.
pub fn corpora() -> Vec<Input> {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut inputs = Vec::new();
    for target in ["message", "attributes", "routes"] {
        for entry in fs::read_dir(corpora.join(target)).expect("a corpus") {
            let path = entry.expect("an entry").path();
            let octets = fs::read(&path).expect("an input");
            for (frame, context) in nva_robustness::messages(target, &octets) {
                let name = format!("{target}/{}", path.file_name().unwrap_or_default().to_string_lossy());
                inputs.push(Input { name, frame, context });
            }
        }
    }
    inputs.retain(|input| is_update(&input.frame, &input.context));
    inputs
}

/// What is no frame is no matter of the UPDATE's decoder.
fn is_update(frame: &[u8], context: &CodecContext) -> bool {
    frame[18] == message_type::UPDATE && frame_length(frame, context.max_receive) == Ok(Some(frame.len()))
}

/// The table of malformed UPDATEs.
pub fn table() -> Vec<Input> {
    let input = |(row, session, frame): (nva_tests::malformed::Row, SessionKind, Vec<u8>)| {
        let context = session_of(session != SessionKind::TwoOctet, session == SessionKind::Internal);
        Input { name: format!("{} {}, {session}", row.subject, row.fault), frame, context }
    };
    updates().into_iter().map(input).collect()
}

fn session_of(four_octet_as: bool, internal: bool) -> CodecContext {
    CodecContext { four_octet_as, internal, ..nva_robustness::codec::context(0xff) }
}

/// Well-formed UPDATEs, always the same ones.
pub fn generated() -> Vec<Input> {
    let mut runner = TestRunner::deterministic();
    let strategy = (any::<bool>(), any::<bool>()).prop_flat_map(|(four_octet_as, internal)| {
        let context = session_of(four_octet_as, internal);
        (update(internal), Just(context))
    });
    let mut next = |number| {
        let (update, context) = strategy.new_tree(&mut runner).expect("an UPDATE").current();
        let mut frame = Vec::new();
        encode(&Message::Update(Box::new(update)), &context, &mut frame).expect("it can be written");
        Input { name: format!("generated {number}"), frame, context }
    };
    (0..GENERATED).map(&mut next).collect()
}

fn update(internal: bool) -> impl Strategy<Value = Update> {
    let family = || select(AfiSafi::ALL.to_vec());
    let withdrawal = family()
        .prop_flat_map(|family| vec(prefix(family), 1..20))
        .prop_map(|withdrawn| Update { withdrawn, ..Update::default() });
    let announcement = (attributes(internal), family().prop_flat_map(announced))
        .prop_map(|(attributes, announced)| Update { announced: vec![announced], attributes, ..Update::default() });
    prop_oneof![1 => withdrawal, 4 => announcement]
}

fn announced(family: AfiSafi) -> impl Strategy<Value = Announced> {
    (next_hop(family), vec(prefix(family), 1..20)).prop_map(|(next_hop, prefixes)| Announced { next_hop, prefixes })
}

fn next_hop(family: AfiSafi) -> BoxedStrategy<NextHop> {
    match family {
        AfiSafi::Ipv4Unicast => any::<[u8; 3]>().prop_map(|[b, c, d]| IpAddr::from([198, b, c, d]).into()).boxed(),
        AfiSafi::Ipv6Unicast => (any::<u64>(), option::of(any::<u64>()))
            .prop_map(|(low, link_local)| NextHop {
                address: Ipv6Addr::from(0x2001_0db8 << 96 | u128::from(low)).into(),
                link_local: link_local.map(|low| Ipv6Addr::from(0xfe80 << 112 | u128::from(low))),
            })
            .boxed(),
    }
}

fn prefix(family: AfiSafi) -> impl Strategy<Value = Prefix> {
    (any::<[u8; 16]>(), 0..=family.address_bits()).prop_map(move |(octets, length)| {
        let address = match family {
            AfiSafi::Ipv4Unicast => IpAddr::from([octets[0], octets[1], octets[2], octets[3]]),
            AfiSafi::Ipv6Unicast => IpAddr::from(octets),
        };
        Prefix::new(address, length).expect("a length that the family has")
    })
}

/// Any, and some of the types whose values have a structure.
fn extended_community() -> impl Strategy<Value = ExtendedCommunity> {
    let structured = (select(vec![0x00, 0x01, 0x02, 0x40, 0x80]), 0..=0x0a_u8, any::<[u8; 6]>());
    let structured = structured.prop_map(|(kind, sub_type, [a, b, c, d, e, f])| [kind, sub_type, a, b, c, d, e, f]);
    prop_oneof![any::<[u8; 8]>(), structured].prop_map(ExtendedCommunity)
}

fn attributes(internal: bool) -> impl Strategy<Value = PathAttributes> {
    let asn = || prop_oneof![1u32..=65535, 65536u32..].prop_map(Asn);
    let local_pref = if internal { any::<u32>().prop_map(Some).boxed() } else { Just(None).boxed() };
    let segment = (select(vec![SegmentKind::Sequence, SegmentKind::Set]), vec(asn(), 1..=40))
        .prop_map(|(kind, asns)| Segment { kind, asns });
    let aggregator = (asn(), any::<u32>()).prop_map(|(asn, router_id)| Aggregator { asn, router_id: router_id.into() });
    let communities = (
        btree_set(any::<u32>().prop_map(Community), 0..70),
        btree_set(extended_community(), 0..40),
        btree_set(any::<[u8; 12]>().prop_map(LargeCommunity::from_octets), 0..30),
    );
    let numbers = (option::of(any::<u32>()), local_pref, any::<bool>(), option::of(aggregator));
    (select(vec![Origin::Igp, Origin::Egp, Origin::Incomplete]), vec(segment, 0..4), numbers, communities).prop_map(
        |(origin, segments, (med, local_pref, atomic_aggregate, aggregator), (standard, extended, large))| {
            PathAttributes {
                origin,
                as_path: AsPath { segments },
                med,
                local_pref,
                atomic_aggregate,
                aggregator,
                communities: standard.into_iter().collect(),
                extended_communities: extended.into_iter().collect(),
                large_communities: large.into_iter().collect(),
                ..PathAttributes::default()
            }
        },
    )
}
