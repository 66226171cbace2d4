//! Table memory: words that BPF programs read while we write them.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

/// Words that are read and written one by one, each as a whole.
pub trait Memory {
    /// How many words there are.
    fn words(&self) -> usize;
    /// The word at `index`, which is below [`Memory::words`].
    fn load(&self, index: usize) -> u32;
    /// Sets the word at `index`, after all that was stored before.
    fn store(&mut self, index: usize, word: u32);
}

/// A memory-mapped BPF array.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<AtomicU32>,
    words: usize,
}

// SAFETY: the mapping is shared memory that anybody may access by atomic operations, and belongs to no thread.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps the elements of an array map created with `BPF_F_MMAPABLE`; `bytes` is their length together.
    pub fn new(map: BorrowedFd<'_>, bytes: usize) -> io::Result<Mapping> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, libc::MAP_SHARED, map.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok(Mapping { start, words: bytes / size_of::<u32>() })
    }

    fn word(&self, index: usize) -> &AtomicU32 {
        assert!(index < self.words, "word {index} of {}", self.words);
        // SAFETY: the index was checked, the mapping lives as long as `self`, and is accessed by atomic operations only.
        unsafe { self.start.add(index).as_ref() }
    }
}

impl Memory for Mapping {
    fn words(&self) -> usize {
        self.words
    }

    fn load(&self, index: usize) -> u32 {
        self.word(index).load(Ordering::Relaxed)
    }

    fn store(&mut self, index: usize, word: u32) {
        self.word(index).store(word, Ordering::Release);
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nobody refers to it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.words * size_of::<u32>()) };
    }
}

impl Memory for Vec<u32> {
    fn words(&self) -> usize {
        self.len()
    }

    fn load(&self, index: usize) -> u32 {
        self[index]
    }

    fn store(&mut self, index: usize, word: u32) {
        self[index] = word;
    }
}
