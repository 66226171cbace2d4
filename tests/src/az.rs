//! What Azure's command line tool prints, so that the lab's output reads like the real thing's.

use std::net::Ipv4Addr;

use crate::fabric::EffectiveRoute;
use crate::route_server::Report;

/// The resource group that the lab claims to be.
const RESOURCE_GROUP: &str = "lab";

/// `az network routeserver peering list -o table`
pub fn peering_list(report: &Report) -> String {
    let rows = report.peerings.iter().map(|peering| {
        let (asn, address) = (peering.asn.to_string(), peering.address.to_string());
        vec![peering.name.clone(), asn, address, "Succeeded".to_owned(), RESOURCE_GROUP.to_owned()]
    });
    table(&["Name", "PeerAsn", "PeerIp", "ProvisioningState", "ResourceGroup"], rows)
}

/// `az network routeserver peering list-learned-routes --query 'RouteServiceRole_IN_n' -o table` of one peer.
pub fn learned_routes(report: &Report, instance: usize, peer: Ipv4Addr) -> String {
    let learned = report.instances.get(instance).into_iter().flat_map(|instance| &instance.learned);
    let rows = learned.filter(|route| route.source_peer == peer).map(|route| {
        vec![
            route.as_path.clone(),
            route.local_address.to_string(),
            route.network.to_string(),
            route.next_hop.to_string(),
            route.origin.clone(),
            route.source_peer.to_string(),
            route.weight.to_string(),
        ]
    });
    table(&["AsPath", "LocalAddress", "Network", "NextHop", "Origin", "SourcePeer", "Weight"], rows)
}

/// `az network nic show-effective-route-table -o table`
pub fn effective_route_table(routes: &[EffectiveRoute]) -> String {
    let rows = routes.iter().map(|route| {
        vec![
            route.source.clone(),
            route.state.clone(),
            joined(&route.address_prefix),
            route.next_hop_type.clone(),
            joined(&route.next_hop_ip_address),
        ]
    });
    table(&["Source", "State", "Address Prefix", "Next Hop Type", "Next Hop IP"], rows)
}

/// A list as az prints it in a table.
fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Columns two blanks apart, each as wide as its widest cell and two wider than its heading.
pub fn table(headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    let width = |(column, heading): (usize, &&str)| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heading.len() + 2]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = headings.iter().enumerate().map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = line(&mut headings.iter().copied());
    text += &line(&mut dashes.iter().map(String::as_str));
    for row in &rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_look_like_azs() {
        let rows = [["peer1", "65000", "10.13.76.84"], ["peer2", "65000", "10.13.76.85"]];
        let rows = rows.into_iter().map(|row| row.map(str::to_owned).into());
        assert_eq!(
            table(&["Name", "PeerAsn", "PeerIp"], rows),
            "Name    PeerAsn    PeerIp\n------  ---------  -----------\n\
             peer1   65000      10.13.76.84\npeer2   65000      10.13.76.85\n"
        );
    }
}
