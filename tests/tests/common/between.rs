//! An `nva` between BIRD, which announces, and FRR, which is told.

use nva_tests::daemon::{Kind, Relation, Router};
use nva_tests::lab::Lab;
use nva_tests::topology::{Machine, in_vnet};

use super::{lab_of, speaker, wait_established};

/// The last octets of the machines' addresses.
pub const NVA: u8 = 84;
pub const BIRD: u8 = 100;
pub const FRR: u8 = 101;

/// What the configuration has in any case. Its peers are told everything.
const TOML: &str = r#"
[router]
asn = 65000
router-id = "10.13.76.84"

[[policy]]
name = "all"
statement = [{ then = { accept = true } }]

[[peer-group]]
name = "all"
import = ["all"]
export = ["all"]
connect-retry = 2
hold-time = 9
families = ["ipv4-unicast"]

[[peer]]
name = "bird"
group = "all"
address = "10.13.76.100"
asn = 65100

[[peer]]
name = "frr"
group = "all"
address = "10.13.76.101"
asn = 65101

"#;

/// The machines `name`, with an `nva` of AS 65000 with these tables, `bird` of AS 65100 with these networks, and `frr` of
/// AS 65101; all sessions are up.
pub fn between_bird_and_frr(name: &str, tables: &str, networks: &[&str]) -> Lab {
    let to_nva = |router: Router| router.peer(name, 65000, in_vnet(NVA), Relation::Router);
    let nva = Router { configuration: Some(format!("{TOML}{tables}")), ..Router::new(65000, in_vnet(NVA)) }
        .peer("bird", 65100, in_vnet(BIRD), Relation::Router)
        .peer("frr", 65101, in_vnet(FRR), Relation::Router);
    let lab = lab_of(vec![
        Machine::new(name, in_vnet(NVA)).running(Kind::Nva, nva),
        Machine::new("bird", in_vnet(BIRD)).running(Kind::Bird2, to_nva(speaker(65100, BIRD, networks))),
        Machine::new("frr", in_vnet(FRR)).running(Kind::Frr, to_nva(speaker(65101, FRR, &[]))),
    ]);
    // FRR gets its peers once it is ready.
    wait_established(&lab, &["frr", "bird", name]);
    lab
}
