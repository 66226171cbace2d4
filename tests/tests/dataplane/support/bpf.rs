//! Runs of an XDP program on one packet, by `BPF_PROG_TEST_RUN`.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

const BPF_PROG_TEST_RUN: libc::c_int = 10;
const BPF_PROG_GET_FD_BY_ID: libc::c_int = 13;

/// The XDP actions.
pub const XDP_DROP: u32 = 1;
pub const XDP_PASS: u32 = 2;
pub const XDP_TX: u32 = 3;
pub const XDP_REDIRECT: u32 = 4;

#[repr(C)]
#[derive(Default)]
struct TestRun {
    program: u32,
    result: u32,
    size_in: u32,
    size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    context_size_in: u32,
    context_size_out: u32,
    context_in: u64,
    context_out: u64,
    flags: u32,
    cpu: u32,
    batch_size: u32,
    padding: u32,
}

/// `struct xdp_md`.
#[repr(C)]
#[derive(Default)]
struct Context {
    data: u32,
    data_end: u32,
    data_meta: u32,
    ingress_ifindex: u32,
    rx_queue_index: u32,
    egress_ifindex: u32,
}

/// A loaded program.
pub struct Program(OwnedFd);

impl Program {
    /// The program with this id.
    pub fn by_id(id: u32) -> Program {
        let mut request = [id, 0, 0, 0];
        let fd = bpf(BPF_PROG_GET_FD_BY_ID, &mut request).expect("a program of this id");
        // SAFETY: the command returned a new descriptor.
        Program(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Runs it on a frame that comes in by an interface of this thread's namespace: the action, and the frame afterwards.
    pub fn run(&self, frame: &[u8], ifindex: u32) -> (u32, Vec<u8>) {
        self.repeat(frame, ifindex, 1).0
    }

    /// Runs it many times on what it leaves of the frame. Also returns the mean time of a run in nanoseconds.
    pub fn repeat(&self, frame: &[u8], ifindex: u32, times: u32) -> ((u32, Vec<u8>), u32) {
        let mut out = vec![0u8; frame.len() + 512];
        let context = Context { data_end: frame.len() as u32, ingress_ifindex: ifindex, ..Context::default() };
        let mut run = TestRun {
            program: self.0.as_raw_fd() as u32,
            size_in: frame.len() as u32,
            size_out: out.len() as u32,
            data_in: frame.as_ptr() as u64,
            data_out: out.as_mut_ptr() as u64,
            repeat: times,
            context_size_in: size_of::<Context>() as u32,
            context_in: (&raw const context) as u64,
            ..TestRun::default()
        };
        bpf(BPF_PROG_TEST_RUN, &mut run).expect("a test run");
        out.truncate(run.size_out as usize);
        ((run.result, out), run.duration)
    }
}

/// The names of the maps that the program with this id has to do with.
pub fn maps_of(program: u32) -> Vec<String> {
    let found = aya::programs::loaded_programs().flatten().find(|info| info.id() == program);
    let ids = found.and_then(|info| info.map_ids().ok().flatten()).expect("a program and its maps");
    let maps: Vec<_> = aya::maps::loaded_maps().flatten().collect();
    let name = |id: &u32| maps.iter().find(|map| map.id() == *id).and_then(|map| map.name_as_str()).map(str::to_owned);
    ids.iter().map(|id| name(id).expect("a map's name")).collect()
}

fn bpf<T>(command: libc::c_int, request: &mut T) -> io::Result<i32> {
    // SAFETY: both requests name only buffers that live until the call returns.
    match unsafe { libc::syscall(libc::SYS_bpf, command, request as *mut T, size_of::<T>()) } {
        result @ 0.. => Ok(result as i32),
        _ => Err(io::Error::last_os_error()),
    }
}
