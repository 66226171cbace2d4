//! A pcapng file (draft-ietf-opsawg-pcapng) of captured packets.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use nva_common::capture::{CaptureHeader, NO_GROUP};
use nva_common::{Reason, Verdict};
use pcap_file::pcapng::blocks::ENHANCED_PACKET_BLOCK;
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::pcapng::blocks::interface_statistics::{InterfaceStatisticsBlock, InterfaceStatisticsOption};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::{PcapNgWriter, RawBlock};
use pcap_file::{DataLink, Endianness, PcapError};

use super::{Named, reason};
use crate::control::{CaptureInterface, CaptureReply, CaptureTotals};

/// Timestamps are in 10⁻⁹ seconds.
const NANOSECONDS: u8 = 9;
/// Options of a packet (§3.5, §4.3).
const END_OF_OPTIONS: u16 = 0;
const COMMENT: u16 = 1;
const FLAGS: u16 = 2;
const VERDICT: u16 = 7;
/// The direction in a packet's flags (§4.3.1): it came in.
const INBOUND: u32 = 1;
/// The verdict is the action of an XDP program.
const BY_XDP: u8 = 2;

/// The writer of a file.
pub struct PcapNg<W: Write> {
    file: PcapNgWriter<W>,
    /// By interface index: its number in the file, and how many packets of it were written.
    interfaces: BTreeMap<u32, (u32, u64)>,
    begin: Duration,
}

impl<W: Write> PcapNg<W> {
    /// Writes what stands before packets; `begin` is the time since 1970.
    pub fn new(writer: W, capture: &CaptureReply, begin: Duration) -> io::Result<PcapNg<W>> {
        let program = concat!("nva ", env!("CARGO_PKG_VERSION"));
        let section = SectionHeaderBlock {
            endianness: Endianness::Little,
            options: vec![SectionHeaderOption::UserApplication(Cow::Borrowed(program))],
            ..SectionHeaderBlock::default()
        };
        let mut file = PcapNgWriter::with_section_header(writer, section).map_err(io_error)?;
        let mut interfaces = BTreeMap::new();
        for interface in capture.interfaces.iter().filter(|interface| interface.captured) {
            file.write_pcapng_block(description(interface, capture.snap_length)).map_err(io_error)?;
            interfaces.insert(interface.index, (interfaces.len() as u32, 0));
        }
        Ok(PcapNg { file, interfaces, begin })
    }

    /// Writes a packet that came at this time since 1970.
    pub fn packet(&mut self, time: Duration, header: &CaptureHeader, frame: &[u8], names: &Named) -> io::Result<()> {
        let Some((number, written)) = self.interfaces.get_mut(&header.ingress) else { return Ok(()) };
        *written += 1;
        // The library has no option for verdicts, and lets nobody make others.
        let body = packet_body(*number, time, header, frame, names);
        let length = body.len() as u32 + 12;
        let block =
            RawBlock { type_: ENHANCED_PACKET_BLOCK, initial_len: length, body: Cow::Owned(body), trailer_len: length };
        self.file.write_raw_block(&block).map(drop).map_err(io_error)
    }

    /// Writes what was counted on an interface until the time `end` since 1970.
    pub fn statistics(&mut self, totals: &CaptureTotals, end: Duration) -> io::Result<()> {
        let Some((number, written)) = self.interfaces.get(&totals.index) else { return Ok(()) };
        let left_out = format!("rate limit {}, ring full {}", totals.limited, totals.lost);
        let options = vec![
            InterfaceStatisticsOption::Comment(Cow::Owned(left_out)),
            InterfaceStatisticsOption::IsbStartTime(stamp(self.begin)),
            InterfaceStatisticsOption::IsbEndTime(stamp(end)),
            InterfaceStatisticsOption::IsbIfRecv(totals.seen),
            InterfaceStatisticsOption::IsbFilterAccept(totals.matched),
            InterfaceStatisticsOption::IsbOsDrop(totals.limited + totals.lost),
            InterfaceStatisticsOption::IsbUsrDeliv(*written),
        ];
        let block = InterfaceStatisticsBlock { interface_id: *number, timestamp: stamp(end), options };
        self.file.write_pcapng_block(block).map(drop).map_err(io_error)
    }

    /// Hands over what was written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.get_mut().flush()
    }
}

fn description(interface: &CaptureInterface, snap_length: u32) -> InterfaceDescriptionBlock<'_> {
    let mut options = vec![
        InterfaceDescriptionOption::IfName(Cow::Borrowed(&interface.name)),
        InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
        InterfaceDescriptionOption::IfOs(Cow::Borrowed("Linux")),
    ];
    options.extend(interface.mac.map(|mac| InterfaceDescriptionOption::IfMacAddr(Cow::Owned(mac.to_vec()))));
    InterfaceDescriptionBlock { linktype: DataLink::ETHERNET, snaplen: snap_length, options }
}

/// An Enhanced Packet Block (§4.3) without its type and lengths.
fn packet_body(number: u32, time: Duration, header: &CaptureHeader, frame: &[u8], names: &Named) -> Vec<u8> {
    let time = time.as_nanos() as u64;
    let mut body = Vec::with_capacity(frame.len() + 160);
    for word in [number, (time >> 32) as u32, time as u32, frame.len() as u32, header.length] {
        body.extend(word.to_le_bytes());
    }
    body.extend(frame);
    pad(&mut body);
    option(&mut body, FLAGS, &INBOUND.to_le_bytes());
    if let Some(reason) = reason(header) {
        let [a, b, c, d, e, f, g, h] = action(reason).to_le_bytes();
        option(&mut body, VERDICT, &[BY_XDP, a, b, c, d, e, f, g, h]);
        option(&mut body, COMMENT, comment(header, reason, names).as_bytes());
    }
    option(&mut body, END_OF_OPTIONS, &[]);
    body
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend(value);
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

/// What `frame.comment` shows in Wireshark.
fn comment(header: &CaptureHeader, reason: Reason, names: &Named) -> String {
    let mut comment = format!("verdict={} reason={}", reason.verdict().name(), reason.name());
    if header.egress != 0 {
        comment += &format!(" out={}", names.of(header.egress));
    }
    if header.group != NO_GROUP {
        comment += &format!(" group={}", header.group);
    }
    comment
}

/// What the XDP program returned to the kernel (`enum xdp_action`).
fn action(reason: Reason) -> u64 {
    match reason.verdict() {
        Verdict::Drop => 1,
        Verdict::Pass => 2,
        Verdict::Forward if reason == Reason::Hairpin => 3,
        Verdict::Forward => 4,
    }
}

/// The upper half of a time comes first, whatever the order of octets; the library writes 64 bits in the file's order.
fn stamp(time: Duration) -> u64 {
    (time.as_nanos() as u64).rotate_left(32)
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
    use pcap_file::pcapng::{Block, PcapNgReader};

    use super::*;

    const BEGIN: Duration = Duration::new(1_790_000_000, 123_456_789);

    fn capture() -> CaptureReply {
        let interface = |index, name: &str, captured| CaptureInterface {
            index,
            name: name.to_owned(),
            mac: Some([2, 0, 0, 0, 0, index as u8]),
            captured,
        };
        CaptureReply { interfaces: vec![interface(7, "eth0", true), interface(9, "eth1", false)], snap_length: 60 }
    }

    fn header(reason: u32, egress: u32, captured: u32) -> CaptureHeader {
        CaptureHeader { time: 0, ingress: 7, egress, reason, group: NO_GROUP, length: 1514, captured }
    }

    /// Everything that a file says.
    fn blocks(file: &[u8]) -> Vec<Block<'static>> {
        let mut reader = PcapNgReader::new(file).expect("a section");
        std::iter::from_fn(|| reader.next_block().map(|block| block.expect("a block").into_owned())).collect()
    }

    fn written(write: impl FnOnce(&mut PcapNg<&mut Vec<u8>>)) -> Vec<Block<'static>> {
        let mut octets = Vec::new();
        let mut file = PcapNg::new(&mut octets, &capture(), BEGIN).expect("written");
        write(&mut file);
        file.flush().expect("flushed");
        blocks(&octets)
    }

    fn verdict(packet: &EnhancedPacketBlock<'_>) -> Option<Vec<u8>> {
        packet.options.iter().find_map(|option| match option {
            EnhancedPacketOption::Unknown(unknown) if unknown.code == VERDICT => Some(unknown.value.to_vec()),
            _ => None,
        })
    }

    #[test]
    fn a_packet_has_its_octets_and_what_became_of_it() {
        let names = Named::of_reply(&capture());
        // Octets that fill a word and such that do not.
        for length in 57..=60u8 {
            let frame: Vec<u8> = (0..length).collect();
            let header = CaptureHeader { group: 5, ..header(Reason::Redirect as u32, 9, length.into()) };
            let blocks = written(|file| file.packet(BEGIN, &header, &frame, &names).expect("written"));
            let [Block::InterfaceDescription(interface), Block::EnhancedPacket(packet)] = &blocks[..] else {
                panic!("{blocks:?}")
            };
            assert_eq!((interface.snaplen, interface.linktype), (60, DataLink::ETHERNET));
            assert!(interface.options.contains(&InterfaceDescriptionOption::IfName(Cow::Borrowed("eth0"))));
            assert_eq!((packet.interface_id, packet.timestamp, packet.original_len), (0, BEGIN, 1514));
            assert_eq!(packet.data[..], frame);
            assert!(packet.options.contains(&EnhancedPacketOption::Flags(INBOUND)));
            let comment = "verdict=forward reason=redirect out=eth1 group=5";
            assert!(packet.options.contains(&EnhancedPacketOption::Comment(Cow::Borrowed(comment))), "{packet:?}");
            assert_eq!(verdict(packet), Some(vec![BY_XDP, 4, 0, 0, 0, 0, 0, 0, 0]));
        }
    }

    #[test]
    fn verdicts_are_actions_and_unknown_reasons_have_none() {
        let names = Named::of_reply(&capture());
        let cases = [
            (Reason::BadChecksum as u32, Some(1)),
            (Reason::Arp as u32, Some(2)),
            (Reason::Hairpin as u32, Some(3)),
            (Reason::Redirect as u32, Some(4)),
            (Reason::COUNT, None),
        ];
        for (reason, action) in cases {
            let blocks = written(|file| file.packet(BEGIN, &header(reason, 0, 1), &[1], &names).expect("written"));
            let Some(Block::EnhancedPacket(packet)) = blocks.last() else { panic!("{blocks:?}") };
            assert_eq!(verdict(packet).map(|octets| octets[1]), action, "reason {reason}");
        }
    }

    #[test]
    fn statistics_say_what_was_left_out() {
        let names = Named::of_reply(&capture());
        let end = BEGIN + Duration::from_secs(3);
        let totals = CaptureTotals { index: 7, seen: 90, matched: 50, limited: 20, lost: 5 };
        let blocks = written(|file| {
            for _ in 0..25 {
                file.packet(BEGIN, &header(Reason::Arp as u32, 0, 1), &[1], &names).expect("written");
            }
            file.statistics(&totals, end).expect("written");
            file.statistics(&CaptureTotals { index: 9, ..totals }, end).expect("no interface of the file");
        });
        assert_eq!(blocks.len(), 27);
        let Some(Block::InterfaceStatistics(statistics)) = blocks.last() else { panic!("{blocks:?}") };
        // As octets the upper half comes first.
        assert_eq!(statistics.timestamp.rotate_left(32), end.as_nanos() as u64);
        for option in [
            InterfaceStatisticsOption::IsbIfRecv(90),
            InterfaceStatisticsOption::IsbFilterAccept(50),
            InterfaceStatisticsOption::IsbOsDrop(25),
            InterfaceStatisticsOption::IsbUsrDeliv(25),
        ] {
            assert!(statistics.options.contains(&option), "{option:?} in {statistics:?}");
        }
    }
}
