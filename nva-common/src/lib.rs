//! The ABI between the XDP programs (`nva-ebpf`) and user space (`nva`): map names, keys, values, verdicts, counters.
#![no_std]
