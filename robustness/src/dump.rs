//! MRT files: records one after the other.

use nva::mrt::{Decoder, HEADER_LEN, Header, Record};

/// A file. Whatever is in a record, the next one is read, and no more routes come out than octets went in.
pub fn mrt(octets: &[u8]) {
    let (mut decoder, mut rest) = (Decoder::default(), octets);
    while let Some((header, after)) = rest.split_first_chunk::<HEADER_LEN>() {
        let header = Header::decode(*header);
        let Ok(length) = header.body_len() else { return };
        let Some((body, after)) = after.split_at_checked(length) else { return };
        match decoder.decode(header, body) {
            Ok(Record::Routes(routes)) => {
                let count: usize = routes.iter().map(|route| route.announced().count()).sum();
                assert!(count <= length, "{count} routes from {length} octets");
            }
            Ok(Record::Peers(count)) => assert!(count <= length, "{count} peers from {length} octets"),
            Ok(Record::Skipped(why)) => assert!(!why.is_empty()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        rest = after;
    }
}
