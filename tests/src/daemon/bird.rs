//! BIRD 1.6 (the article's version) and 2, which differ in where a protocol's options stand.

use std::env;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use ipnet::IpNet;

use super::view::parse_path;
use super::{
    BFD_INTERVAL, Community, Family, Options, Peer, Program, Relation, Role, Route, Router, Run, Session, Setup,
    TowardsRouteServer,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bird {
    One,
    Two,
}

impl Program for Bird {
    fn configure(&self, setup: &Setup) -> anyhow::Result<()> {
        setup.write("bird.conf", &self.configuration(setup)?)
    }

    fn commands(&self, setup: &Setup, run: Run) -> anyhow::Result<Vec<Command>> {
        let (config, socket) = (setup.text_path("bird.conf"), setup.text_path("bird.ctl"));
        let restarted: &[&str] = if setup.router.restarts(run) { &["-R"] } else { &[] };
        let words = [&["-f", "-c", &config, "-s", &socket], restarted].concat();
        Ok(vec![setup.command(&self.tool("bird", &setup.router)?, &words)?])
    }

    fn sessions(&self, setup: &Setup) -> anyhow::Result<Vec<Session>> {
        let text = self.birdc(setup, "show protocols")?;
        let mut sessions = Vec::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let [name, "BGP", _table, _state, _since, info @ ..] = words.as_slice() {
                let peer = setup.router.peer_named(name)?;
                sessions.push(peer.session(info.first() == Some(&"Established"), &info.join(" ")));
            }
        }
        Ok(sessions)
    }

    fn routes(&self, setup: &Setup) -> anyhow::Result<Vec<Route>> {
        parse_routes(&self.birdc(setup, "show route all")?, &setup.router)
    }

    fn communities(&self, setup: &Setup, prefix: IpNet) -> anyhow::Result<Vec<Community>> {
        let text = self.birdc(setup, &format!("show route {prefix} all"))?;
        let mut communities = Vec::new();
        for line in text.lines() {
            let Some((name, values)) = line.trim().split_once(": ") else { continue };
            let read: fn(&str) -> anyhow::Result<Community> = match name {
                "BGP.community" | "BGP.large_community" => Community::parse,
                "BGP.ext_community" => |text| Community::parse_target(text.trim_start_matches("rt:")),
                _ => continue,
            };
            // `(65001,1) (65001,2)`, `(rt, 65001, 7)`
            for value in values.split(')').filter(|value| !value.trim().is_empty()) {
                communities.push(read(&value.trim().trim_start_matches('(').replace(", ", ":").replace(',', ":"))?);
            }
        }
        Ok(communities)
    }

    fn ask_again(&self, setup: &Setup, peer: &Peer) -> anyhow::Result<()> {
        self.birdc(setup, &format!("reload in {}", peer.name)).map(drop)
    }

    fn session_command(&self, setup: &Setup) -> anyhow::Result<(&'static str, Vec<String>)> {
        let tool = self.tool("birdc", &setup.router)?.display().to_string();
        let words = [&tool, "-s", &setup.text_path("bird.ctl"), "show protocols"].map(str::to_owned);
        Ok(("birdc show protocols", words.into()))
    }
}

impl Bird {
    /// BIRD 1.6 conflicts with the package bird2, so it is unpacked somewhere else: `NVA_BIRD1` says where its tree is.
    /// Of each of its programs there is a second one for IPv6.
    fn tool(self, name: &str, router: &Router) -> anyhow::Result<PathBuf> {
        match self {
            Bird::Two => Ok(PathBuf::from("/usr/sbin").join(name)),
            Bird::One => {
                let suffix = if router.families().contains(&Family::Ipv6) { "6" } else { "" };
                Ok(bird1_tree()?.join("usr/sbin").join(format!("{name}{suffix}")))
            }
        }
    }

    fn birdc(self, setup: &Setup, command: &str) -> anyhow::Result<String> {
        let (tool, socket) = (self.tool("birdc", &setup.router)?.display().to_string(), setup.text_path("bird.ctl"));
        // birdc's exit code is 0 even if it cannot connect.
        let text = setup.namespace.run(&[&tool, "-s", &socket, command])?;
        if !text.contains("ready.") {
            bail!("birdc says {text}");
        }
        Ok(text)
    }

    fn configuration(self, setup: &Setup) -> anyhow::Result<String> {
        let router = &setup.router;
        let families: Vec<Family> = router.families().into_iter().collect();
        ensure!(self == Bird::Two || families.len() < 2, "BIRD 1.6 is one daemon for each family");
        let log = setup.text_path("messages.log");
        let mut text = format!("log \"{log}\" all;\nrouter id {};\n", router.address);
        text += "protocol device { scan time 1; }\n";
        if router.uses_bfd() {
            let interval =
                format!("min rx interval {BFD_INTERVAL} ms; min tx interval {BFD_INTERVAL} ms; multiplier 3;");
            text += &format!("protocol bfd {{ interface \"eth0\" {{ {interval} }}; }}\n");
        }
        let interfaces: Vec<String> =
            router.loopbacks.iter().chain(&router.connected).map(|name| format!("{name:?}")).collect();
        // The subnet itself is known too, so that next hops in it need no other route.
        let interfaces = [vec!["\"eth0\"".to_owned()], interfaces].concat().join(", ");
        text += &self.protocol("direct", &families, &format!("interface {interfaces}"), "");
        let install =
            if router.install { "export filter { if source = RTS_BGP then accept; reject; };" } else { "export none;" };
        for family in families {
            text += &self.protocol("kernel", &[family], "", &format!("import none; {install}"));
            let networks = router.networks.iter().filter(|prefix| Family::of(prefix.addr()) == family);
            let routes: Vec<String> = networks.map(|prefix| format!("route {prefix} blackhole")).collect();
            if !routes.is_empty() {
                text += &self.protocol("static", &[family], &routes.join("; "), "");
            }
        }
        for peer in &router.peers {
            text += &self.peer(peer, router)?;
        }
        Ok(text)
    }

    /// A protocol with its own options, and those of its tables' channels.
    fn protocol(self, kind: &str, families: &[Family], options: &str, channel: &str) -> String {
        let options = if options.is_empty() { String::new() } else { format!("{options};") };
        format!("protocol {kind} {{ {} {options} }}\n", self.channels(families, channel))
    }

    fn channels(self, families: &[Family], channel: &str) -> String {
        match self {
            Bird::One => channel.to_owned(),
            Bird::Two => families.iter().map(|family| format!("{} {{ {channel} }}; ", family_name(*family))).collect(),
        }
    }

    fn peer(self, peer: &Peer, router: &Router) -> anyhow::Result<String> {
        let Peer { name, asn, address, relation, families, options } = peer;
        let own = own_routes(router);
        let (export, channel, session) = match relation {
            Relation::Router => (format!("{own} || source = RTS_BGP"), "", ""),
            Relation::Leaf => (format!("{own} || source = RTS_BGP"), "", "passive yes;"),
            Relation::Hub => (own.clone(), "", ""),
            Relation::RouteServer(next_hop) => {
                let channel = match next_hop {
                    TowardsRouteServer::Keep => "next hop keep;",
                    TowardsRouteServer::Oneself => "next hop self;",
                };
                let path = self.leaves_path(router);
                (format!("{own} || (source = RTS_BGP && bgp_path ~ {path})"), channel, "multihop 8;")
            }
        };
        let export = exported(&export, &own, &router.communities);
        let channels = self.channels(families, &format!("import all; export filter {{ {export} }}; {channel}"));
        let options = session_options(options);
        let (local, hold_time) = (router.local_address(peer)?, router.hold_time);
        // Internal sessions are multihop ones by default, and such a one has no address of another family to tell.
        let session =
            if families.len() > 1 && *asn == router.asn { format!("{session} direct;") } else { session.to_owned() };
        // The timers make a lab that is up within seconds; the protocol is the same.
        Ok(format!(
            "protocol bgp {name} {{ local {local} as {}; neighbor {address} as {asn}; source address {local}; {session} {options} \
             hold time {hold_time}; connect delay time 1; connect retry time 2; error wait time 1, 4; {channels} }}\n",
            router.asn
        ))
    }

    /// The AS path of what the leaves advertise as an export filter sees it: in version 1 our own AS is in front already.
    fn leaves_path(self, router: &Router) -> String {
        match self {
            Bird::One => format!("[= {} 65100..65109 * =]", router.asn),
            Bird::Two => "[= 65100..65109 * =]".to_owned(),
        }
    }
}

/// The options of a session, which both versions write alike.
fn session_options(options: &Options) -> String {
    let Options { password, ttl_security, graceful_restart, extended_messages, plain_refresh: _, role, bfd } = options;
    let mut text = String::new();
    if let Some(password) = password {
        text += &format!("password {password:?}; ");
    }
    if *ttl_security {
        text += "ttl security yes; ";
    }
    // Left alone, BIRD bears with the restarts of others, and says what ends a table (RFC 4724 §2).
    if let Some(seconds) = graceful_restart {
        text += &format!("graceful restart yes; graceful restart time {seconds}; ");
    }
    if *extended_messages {
        text += "enable extended messages yes; ";
    }
    if let Some(role) = role {
        let name = match role {
            Role::RouteServer => "rs_server",
            Role::RouteServerClient => "rs_client",
            Role::Provider | Role::Customer | Role::Peer => role.name(),
        };
        text += &format!("local role {name}; ");
    }
    if *bfd {
        text += "bfd yes; ";
    }
    text
}

/// The body of a filter for what is told, in which our own routes get their communities.
fn exported(condition: &str, own: &str, communities: &[Community]) -> String {
    let additions: String = communities.iter().map(|community| addition(*community)).collect();
    let marks = if additions.is_empty() { additions } else { format!("if {own} then {{ {additions} }} ") };
    format!("if !({condition}) then reject; {marks}accept;")
}

fn addition(community: Community) -> String {
    match community {
        Community::Standard(global, local) => format!("bgp_community.add(({global}, {local})); "),
        Community::RouteTarget(global, local) => format!("bgp_ext_community.add((rt, {global}, {local})); "),
        Community::Large(global, first, second) => format!("bgp_large_community.add(({global}, {first}, {second})); "),
    }
}

/// A filter expression for what the router originates. Direct routes of eth0 are for next hops only.
fn own_routes(router: &Router) -> String {
    let interfaces = router.loopbacks.iter().chain(&router.connected);
    let direct: Vec<String> = interfaces.map(|name| format!("(source = RTS_DEVICE && ifname = {name:?})")).collect();
    [vec!["source = RTS_STATIC".to_owned()], direct].concat().join(" || ")
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

fn bird1_tree() -> anyhow::Result<PathBuf> {
    if let Some(tree) = env::var_os("NVA_BIRD1") {
        return Ok(PathBuf::from(tree));
    }
    let own = env::current_exe().context("where this program is")?;
    let mut target = own.ancestors().map(|path| path.join("tools/bird1"));
    target.find(|path| path.exists()).context("BIRD 1.6.8 is not there: run `cargo xtask setup`, or set NVA_BIRD1")
}

/// Understands `show route all` of both versions: a route begins with its prefix, or with blanks if it has the same
/// prefix as the one before, and names its protocol in brackets; its attributes follow in lines that begin with a tab.
fn parse_routes(text: &str, router: &Router) -> anyhow::Result<Vec<Route>> {
    let mut routes: Vec<Route> = Vec::new();
    let mut prefix: Option<IpNet> = None;
    let mut of_a_peer = false;
    for line in text.lines() {
        if let Some(attribute) = line.strip_prefix('\t') {
            if let (true, Some(route)) = (of_a_peer, routes.last_mut()) {
                read_attribute(route, attribute)?;
            }
            continue;
        }
        let Some((before, after)) = line.split_once('[') else { continue };
        if let Some(first) = before.split_whitespace().next().and_then(|word| word.parse().ok()) {
            prefix = Some(first);
        }
        let protocol = after.split([' ', ']']).next().unwrap_or_default();
        of_a_peer = router.peer_named(protocol).is_ok();
        if let (true, Some(prefix)) = (of_a_peer, prefix) {
            let route = Route {
                prefix,
                next_hop: Ipv4Addr::UNSPECIFIED.into(),
                as_path: Vec::new(),
                peer: protocol.to_owned(),
            };
            routes.push(route);
        }
    }
    Ok(routes)
}

fn read_attribute(route: &mut Route, line: &str) -> anyhow::Result<()> {
    match line.trim().split_once(": ") {
        Some(("BGP.next_hop", value)) => {
            // A link-local address may follow (RFC 2545 §3).
            let global = value.split_whitespace().next().unwrap_or_default();
            route.next_hop = global.parse().with_context(|| format!("next hop {value:?}"))?;
        }
        Some(("BGP.as_path", value)) => route.as_path = parse_path(value)?,
        Some(_) | None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub() -> Router {
        let address = |last| Ipv4Addr::new(10, 13, 76, last);
        Router::new(65000, address(84)).peer("nva0", 65100, address(100), Relation::Leaf).peer(
            "nva1",
            65101,
            address(101),
            Relation::Leaf,
        )
    }

    #[test]
    fn routes_of_both_versions_are_understood() {
        let one = "BIRD 1.6.8 ready.\n\
            100.0.0.100/32     via 10.13.76.100 on eth0 [nva0 15:15:05] * (100) [AS65100i]\n\
            \tType: BGP unicast univ\n\tBGP.origin: IGP\n\tBGP.as_path: 65100\n\tBGP.next_hop: 10.13.76.100\n\
            \x20                  via 10.13.76.101 on eth0 [nva1 15:15:05] (100) [AS65100i]\n\
            \tBGP.as_path: 65101 65100\n\tBGP.next_hop: 10.13.76.100\n\
            10.13.76.0/24      dev eth0 [direct1 15:15:00] * (240)\n\tType: device unicast univ\n";
        let two = "BIRD 2.0.12 ready.\nTable master4:\n\
            100.0.0.100/32       unicast [nva0 15:15:05.123] * (100) [AS65100i]\n\tvia 10.13.76.100 on eth0\n\
            \tType: BGP univ\n\tBGP.as_path: 65100\n\tBGP.next_hop: 10.13.76.100\n\
            \x20                    unicast [nva1 15:15:05.123] (100) [AS65100i]\n\tvia 10.13.76.101 on eth0\n\
            \tBGP.as_path: 65101 65100\n\tBGP.next_hop: 10.13.76.100\n";
        let route = |peer: &str, as_path: &[u32]| Route {
            prefix: "100.0.0.100/32".parse().expect("a prefix"),
            next_hop: Ipv4Addr::new(10, 13, 76, 100).into(),
            as_path: as_path.to_vec(),
            peer: peer.to_owned(),
        };
        let expected = [route("nva0", &[65100]), route("nva1", &[65101, 65100])];
        for text in [one, two] {
            assert_eq!(parse_routes(text, &hub()).expect("understood"), expected);
        }
    }
}
