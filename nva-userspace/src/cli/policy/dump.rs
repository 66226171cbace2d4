//! Reading an MRT file record by record: no more than one is in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};
use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;

use crate::mrt::{Decoder, HEADER_LEN, Header, MrtRoute, Record};

/// What a file had in it.
#[derive(Debug, Default)]
pub struct Counts {
    /// Records.
    pub records: u64,
    /// Records that were not read, by the reason.
    pub skipped: BTreeMap<String, u64>,
    /// How many of these are not what their headers say.
    pub unreadable: u64,
}

/// Octets read at once.
const BUFFER: usize = 128 * 1024;

/// Reads the file, which may be compressed, and hands on every route.
pub fn read(path: &Path, each: impl FnMut(MrtRoute) -> anyhow::Result<()>) -> anyhow::Result<Counts> {
    let open = || -> io::Result<Box<dyn Read>> {
        let mut file = BufReader::with_capacity(BUFFER, File::open(path)?);
        let start = file.fill_buf()?;
        Ok(if start.starts_with(&[0x1f, 0x8b]) {
            Box::new(MultiGzDecoder::new(file))
        } else if start.starts_with(b"BZh") {
            Box::new(MultiBzDecoder::new(file))
        } else {
            Box::new(file)
        })
    };
    let file = open().with_context(|| format!("cannot read {}", path.display()))?;
    read_from(BufReader::with_capacity(BUFFER, file), each).with_context(|| path.display().to_string())
}

fn read_from(mut file: impl Read, mut each: impl FnMut(MrtRoute) -> anyhow::Result<()>) -> anyhow::Result<Counts> {
    let (mut counts, mut decoder, mut body) = (Counts::default(), Decoder::default(), Vec::new());
    loop {
        let number = counts.records + 1;
        let mut header = [0; HEADER_LEN];
        match fill(&mut file, &mut header).with_context(|| format!("record {number}"))? {
            0 => break,
            HEADER_LEN => {}
            read => bail!("record {number}: the file ends after {read} octets of its header"),
        }
        let header = Header::decode(header);
        let length = header.body_len().with_context(|| format!("record {number}"))?;
        body.resize(length, 0);
        let read = fill(&mut file, &mut body).with_context(|| format!("record {number}"))?;
        if read < length {
            bail!("record {number}: the file ends after {read} of its {length} octets");
        }
        counts.records = number;
        let skipped = match decoder.decode(header, &body) {
            Ok(Record::Peers(_)) => continue,
            Ok(Record::Routes(routes)) => {
                routes.into_iter().try_for_each(&mut each)?;
                continue;
            }
            Ok(Record::Skipped(why)) => why.to_owned(),
            Err(error) => {
                counts.unreadable += 1;
                format!("unreadable: {error}")
            }
        };
        *counts.skipped.entry(skipped).or_default() += 1;
    }
    Ok(counts)
}

/// Reads until the buffer is full or the file ends; says how much there was.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
