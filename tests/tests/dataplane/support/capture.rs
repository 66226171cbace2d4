//! Captures in files (pcap), compressed by gzip where their names say so.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use pcap_file::DataLink;
use pcap_file::pcap::{PcapPacket, PcapReader, PcapWriter};

/// The frames of a capture.
///
/// # Errors
/// If it cannot be read, is not of Ethernet, or has frames that were cut off.
pub fn read(path: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let file = BufReader::new(File::open(path)?);
    let octets: Box<dyn Read> = if is_compressed(path) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut reader = PcapReader::new(octets)?;
    ensure!(reader.header().datalink == DataLink::ETHERNET, "a capture of {:?}", reader.header().datalink);
    let mut frames = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.with_context(|| format!("packet {}", frames.len() + 1))?;
        ensure!(packet.data.len() == packet.orig_len as usize, "packet {} was cut off", frames.len() + 1);
        frames.push(packet.data.into_owned());
    }
    Ok(frames)
}

/// Writes frames into a capture.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, frames: &[Vec<u8>]) -> anyhow::Result<()> {
    let file = BufWriter::new(File::create(path)?);
    let octets: Box<dyn Write> =
        if is_compressed(path) { Box::new(GzEncoder::new(file, Compression::fast())) } else { Box::new(file) };
    let mut writer = PcapWriter::new(octets)?;
    for (number, frame) in (0..).zip(frames) {
        let data = Cow::Borrowed(frame.as_slice());
        let packet =
            PcapPacket { timestamp: Duration::from_micros(number), orig_len: u32::try_from(frame.len())?, data };
        writer.write_packet(&packet)?;
    }
    Ok(writer.into_writer().flush()?)
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}
