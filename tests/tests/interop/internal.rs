//! A session within one AS: routes go in and out of the AS over it by iBGP's rules.

use nva_tests::daemon::{Kind, Route};

use crate::common::route;
use crate::scene::{Cast, FAR_ASN, NVA_ASN, from_nva, from_other, next_hop_of, prefix, to};

const FROM_NVA: &str = "198.51.100.0/25";
const FROM_OTHER: &str = "192.0.2.0/24";
const FROM_FAR: &str = "203.0.113.0/24";

/// What the AS learns outside goes in as it came, its own routes go out, and nothing that came over the session goes back
/// over it (RFC 4271 §9.2). LOCAL_PREF is inside only, and there always (RFC 4271 §5.1.5).
pub fn session(kind: Kind) {
    let mut cast = Cast::internal(kind).with_far(FROM_FAR);
    cast.nva.networks = vec![prefix(FROM_NVA)];
    cast.other.networks = vec![prefix(FROM_OTHER)];
    let mut scene = cast.start(&[]);
    let learned =
        |origin, prefix, path: &[u32], from| -> Route { route(prefix, next_hop_of(origin, prefix), path, from) };
    scene.wait_for_routes(
        "nva",
        vec![learned("other", FROM_OTHER, &[], "other"), learned("far", FROM_FAR, &[FAR_ASN], "far")],
    );
    scene.wait_for_routes(
        "other",
        vec![learned("nva", FROM_NVA, &[], "nva"), learned("far", FROM_FAR, &[FAR_ASN], "nva")],
    );
    scene.wait_for_routes(
        "far",
        vec![learned("nva", FROM_NVA, &[NVA_ASN], "nva"), learned("other", FROM_OTHER, &[NVA_ASN], "nva")],
    );

    let captured = scene.well_formed();
    let routes = "bgp.update.path_attribute.as_path_segment || bgp.update.path_attribute.type_code == 2";
    let local_pref = "bgp.update.path_attribute.local_pref";
    for inside in [format!("{} && {}", from_nva(), to("other")), format!("{} && {}", from_other(), to("nva"))] {
        assert_ne!(captured.packets(&format!("{inside} && ({routes}) && {local_pref} == 100")), Vec::<String>::new());
        assert_eq!(captured.packets(&format!("{inside} && ({routes}) && !{local_pref}")), Vec::<String>::new());
    }
    let outside = format!("{} && {}", from_nva(), to("far"));
    assert_ne!(captured.packets(&format!("{outside} && ({routes})")), Vec::<String>::new());
    assert_eq!(captured.packets(&format!("{outside} && {local_pref}")), Vec::<String>::new());
    captured.never_down();
}
