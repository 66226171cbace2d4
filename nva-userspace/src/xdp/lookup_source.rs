//! Where the forwarder looks up routes.

use std::fmt;

/// Our tables, or the kernel's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LookupSource {
    /// Our tables, which mirror the kernel's main routing tables: fastest.
    #[default]
    Tables,
    /// The kernel's FIB, for each packet anew: slower, and follows policy rules and everything else that the kernel knows.
    Kernel,
}

impl LookupSource {
    /// Its name in the configuration and to operators.
    pub const fn name(self) -> &'static str {
        match self {
            LookupSource::Tables => "tables",
            LookupSource::Kernel => "kernel",
        }
    }

    /// The program that does so while packets are captured.
    pub(super) const fn capturing_forwarder(self) -> &'static str {
        match self {
            LookupSource::Tables => "forwarder_capture",
            LookupSource::Kernel => "forwarder_fib_capture",
        }
    }

    /// The program that looks up routes there.
    pub(super) const fn forwarder(self, debug: bool) -> &'static str {
        match (self, debug) {
            (LookupSource::Tables, false) => "forwarder",
            (LookupSource::Tables, true) => "forwarder_debug",
            (LookupSource::Kernel, false) => "forwarder_fib",
            (LookupSource::Kernel, true) => "forwarder_fib_debug",
        }
    }
}

impl fmt::Display for LookupSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
