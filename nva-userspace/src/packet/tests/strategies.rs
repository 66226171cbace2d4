//! Messages at random, each as decoding would give it back.

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::attributes::{
    Aggregator, AsPath, Community, ExtendedCommunity, LargeCommunity, Origin, Partial, PathAttributes, Reflection,
    Segment, SegmentKind, UnknownAttribute,
};
use crate::net::{Asn, RouterId};
use std::net::{IpAddr, Ipv6Addr};

/// Any session.
pub(super) fn context() -> impl Strategy<Value = CodecContext> {
    any::<[bool; 5]>().prop_map(|[four_octet_as, internal, large, enhanced_refresh, disable_families]| CodecContext {
        four_octet_as,
        internal,
        enhanced_refresh,
        disable_families,
        ..if large { extended() } else { external() }
    })
}

/// Any message with a session that it fits.
pub(super) fn message_in_context() -> impl Strategy<Value = (CodecContext, Message)> {
    context().prop_flat_map(|context| {
        let message = prop_oneof![
            1 => open().prop_map(Message::Open),
            4 => update(&context).prop_map(|update| Message::Update(Box::new(update))),
            1 => (any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..64))
                .prop_map(|(code, subcode, data)| Message::Notification(Notification::new(code, subcode, &data))),
            1 => Just(Message::Keepalive),
            1 => refresh(context.enhanced_refresh).prop_map(Message::RouteRefresh),
        ];
        (Just(context), message)
    })
}

fn refresh(enhanced: bool) -> impl Strategy<Value = RouteRefresh> {
    use RefreshSubtype::{Begin, End, Request, Unknown};
    let subtypes = if enhanced { vec![Request, Begin, End, Unknown(3), Unknown(255)] } else { vec![Request] };
    (any::<u16>(), any::<u8>(), select(subtypes)).prop_map(|(afi, safi, subtype)| RouteRefresh { afi, safi, subtype })
}

fn open() -> impl Strategy<Value = Open> {
    let capability = prop_oneof![
        (any::<u16>(), any::<u8>()).prop_map(|(afi, safi)| Capability::Multiprotocol { afi, safi }),
        Just(Capability::RouteRefresh),
        (1u32..).prop_map(|asn| Capability::FourOctetAs(Asn(asn))),
        Just(Capability::ExtendedMessage),
        Just(Capability::EnhancedRouteRefresh),
        any::<u8>().prop_map(Capability::Role),
        graceful_restart().prop_map(Capability::GracefulRestart),
        (select(vec![3u8, 5, 69, 71, 73, 200]), vec(any::<u8>(), 0..100))
            .prop_map(|(code, value)| Capability::Unknown { code, value: value.into() }),
    ];
    let hold_time = prop_oneof![Just(0u16), 3u16..];
    (1u16.., hold_time, 1u32.., vec(capability, 0..10)).prop_map(|(my_as, hold_time, router_id, capabilities)| Open {
        my_as,
        hold_time,
        router_id: router_id.into(),
        capabilities,
    })
}

fn graceful_restart() -> impl Strategy<Value = GracefulRestart> {
    let family = (any::<u16>(), any::<u8>(), any::<bool>());
    let families = vec(family.prop_map(|(afi, safi, forwarding)| RestartFamily { afi, safi, forwarding }), 0..5);
    (any::<bool>(), any::<bool>(), 0u16..4096, families).prop_map(|(restarted, notification, time, families)| {
        GracefulRestart { restarted, notification, time, families }
    })
}

fn update(context: &CodecContext) -> impl Strategy<Value = Update> + use<> {
    let withdrawal = select(AfiSafi::ALL.to_vec())
        .prop_flat_map(|family| vec(prefix(family), 1..20))
        .prop_map(|withdrawn| Update { withdrawn, ..Update::default() });
    let announcement = (attributes(context), select(AfiSafi::ALL.to_vec()).prop_flat_map(announced))
        .prop_map(|(attributes, announced)| Update { announced: vec![announced], attributes, ..Update::default() });
    let end_of_rib =
        select(AfiSafi::ALL.to_vec()).prop_map(|family| Update { end_of_rib: Some(family), ..Update::default() });
    prop_oneof![2 => withdrawal, 5 => announcement, 1 => end_of_rib]
}

fn announced(family: AfiSafi) -> impl Strategy<Value = Announced> {
    (next_hop(family), vec(prefix(family), 1..20)).prop_map(|(next_hop, prefixes)| Announced { next_hop, prefixes })
}

/// The address of a host.
pub(super) fn next_hop(family: AfiSafi) -> BoxedStrategy<NextHop> {
    match family {
        AfiSafi::Ipv4Unicast => {
            (128u8..224, any::<[u8; 3]>()).prop_map(|(first, [b, c, d])| IpAddr::from([first, b, c, d]).into()).boxed()
        }
        AfiSafi::Ipv6Unicast => (any::<u64>(), option::of(any::<u64>()))
            .prop_map(|(low, link_local)| NextHop {
                address: Ipv6Addr::from(0x2001_0db8 << 96 | u128::from(low)).into(),
                link_local: link_local.map(|low| Ipv6Addr::from(0xfe80 << 112 | u128::from(low))),
            })
            .boxed(),
    }
}

/// Any prefix of a family.
pub(super) fn prefix(family: AfiSafi) -> impl Strategy<Value = Prefix> {
    (any::<[u8; 16]>(), 0..=family.address_bits()).prop_map(move |(octets, length)| {
        let address = match family {
            AfiSafi::Ipv4Unicast => IpAddr::from([octets[0], octets[1], octets[2], octets[3]]),
            AfiSafi::Ipv6Unicast => IpAddr::from(octets),
        };
        Prefix::new(address, length).expect("a length that the family has")
    })
}

/// Attributes that such a session carries.
pub(super) fn attributes(context: &CodecContext) -> impl Strategy<Value = PathAttributes> + use<> {
    let local_pref = if context.internal { any::<u32>().prop_map(Some).boxed() } else { Just(None).boxed() };
    let origin = select(vec![Origin::Igp, Origin::Egp, Origin::Incomplete]);
    let reflection = reflection(context.internal);
    let aggregator = (asn(), any::<u32>()).prop_map(|(asn, router_id)| Aggregator { asn, router_id: router_id.into() });
    (
        origin,
        as_path(context),
        option::of(any::<u32>()),
        local_pref,
        any::<bool>(),
        option::of(aggregator),
        (communities(), reflection),
        unknown(),
    )
        .prop_map(|(origin, as_path, med, local_pref, atomic_aggregate, aggregator, communities, unknown)| {
            let (communities, reflection) = communities;
            let partial = communities.partial;
            PathAttributes {
                origin,
                as_path,
                med,
                local_pref,
                atomic_aggregate,
                partial: Partial { aggregator: partial.aggregator && aggregator.is_some(), ..partial },
                aggregator,
                reflection,
                unknown,
                ..communities
            }
        })
}

/// ORIGINATOR_ID and CLUSTER_LIST, which only internal peers send.
fn reflection(internal: bool) -> impl Strategy<Value = Option<Box<Reflection>>> {
    let id = || any::<u32>().prop_map(RouterId::from);
    (option::of(id()), vec(id(), 0..=5)).prop_map(move |(originator_id, cluster_list)| {
        let reflection = Reflection { originator_id, cluster_list };
        Some(Box::new(reflection)).filter(|reflection| internal && **reflection != Reflection::default())
    })
}

/// Communities of all three kinds and Only to Customer, and Partial bits of those that are there (that of AGGREGATOR in
/// any case).
fn communities() -> impl Strategy<Value = PathAttributes> {
    let standard = btree_set(any::<u32>().prop_map(Community), 0..70);
    let extended = btree_set(any::<[u8; 8]>().prop_map(ExtendedCommunity), 0..40);
    let large = btree_set(any::<[u8; 12]>().prop_map(LargeCommunity::from_octets), 0..30);
    let mark = option::of(any::<u32>().prop_map(Asn));
    (standard, extended, large, mark, any::<[bool; 5]>()).prop_map(|(standard, extended, large, mark, partial)| {
        PathAttributes {
            partial: Partial {
                aggregator: partial[0],
                communities: partial[1] && !standard.is_empty(),
                extended_communities: partial[2] && !extended.is_empty(),
                large_communities: partial[3] && !large.is_empty(),
                only_to_customer: partial[4] && mark.is_some(),
            },
            communities: standard.into_iter().collect(),
            extended_communities: extended.into_iter().collect(),
            large_communities: large.into_iter().collect(),
            only_to_customer: mark,
            ..PathAttributes::default()
        }
    })
}

/// Sorted by type, each type once, with the Partial bit that going out sets.
fn unknown() -> impl Strategy<Value = Vec<UnknownAttribute>> {
    let kinds = btree_set(prop_oneof![Just(0u8), 11u8..14, 19u8..32, 33u8..35, 36u8..], 0..4);
    (kinds, vec(any::<u8>(), 0..300)).prop_map(|(kinds, value)| {
        kinds.into_iter().map(|kind| UnknownAttribute { kind, value: value.clone().into() }).collect()
    })
}

fn as_path(context: &CodecContext) -> impl Strategy<Value = AsPath> + use<> {
    let segment =
        |kinds: Vec<SegmentKind>| (select(kinds), vec(asn(), 1..=40)).prop_map(|(kind, asns)| Segment { kind, asns });
    let outside = segment(vec![SegmentKind::Sequence, SegmentKind::Sequence, SegmentKind::Set]);
    let confederation = segment(vec![SegmentKind::ConfedSequence, SegmentKind::ConfedSet]);
    // External peers send no confederation segments, and AS4_PATH does not carry their numbers.
    let most = if context.internal && context.four_octet_as { 3 } else { 0 };
    (vec(confederation, 0..=most), vec(outside, 0..4))
        .prop_map(|(confederation, outside)| AsPath { segments: confederation.into_iter().chain(outside).collect() })
}

/// Any AS number but 0, of either size.
fn asn() -> impl Strategy<Value = Asn> {
    prop_oneof![1u32..=65535, 65536u32..].prop_map(Asn)
}
