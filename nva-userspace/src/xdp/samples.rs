//! Debug mode's samples of packets, from the programs' ring buffer to the log.

use aya::Ebpf;
use aya_log::EbpfLogger;
use nva_common::Reason;
use tracing::info;

use super::error::XdpError;

/// The reader of the ring buffer.
pub struct Samples {
    logger: EbpfLogger<NamedReasons>,
}

impl Samples {
    /// Takes the loaded object's ring buffer.
    pub fn new(object: &mut Ebpf) -> Result<Samples, XdpError> {
        Ok(Samples { logger: EbpfLogger::init_with_logger(object, NamedReasons)? })
    }

    /// Logs what has come since the last time.
    pub fn flush(&mut self) {
        self.logger.flush();
    }
}

/// Writes samples to our log, with names for the numbers that are all the programs can say.
struct NamedReasons;

impl log::Log for NamedReasons {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let text = record.args().to_string();
        match named(&text) {
            Some((reason, rest)) => info!(verdict = reason.verdict().name(), reason = reason.name(), "packet {rest}"),
            None => info!("packet {text}"),
        }
    }

    fn flush(&self) {}
}

/// The reason that a sample's text begins with, and what comes after it.
fn named(text: &str) -> Option<(Reason, &str)> {
    let (number, rest) = text.strip_prefix("reason=")?.split_once(' ')?;
    Some((Reason::from_number(number.parse().ok()?)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_get_their_names() {
        let number = Reason::TtlExpired as u32;
        assert_eq!(named(&format!("reason={number} in=2 ttl=1")), Some((Reason::TtlExpired, "in=2 ttl=1")));
        assert_eq!(named("reason=999 in=2"), None);
        assert_eq!(named("something else"), None);
    }
}
