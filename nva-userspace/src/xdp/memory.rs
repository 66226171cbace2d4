//! Table memory: words that BPF programs read while we write them.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Words that are read and written one by one, each as a whole.
pub trait Memory<W = u32> {
    /// How many words there are.
    fn words(&self) -> usize;
    /// The word at `index`, which is below [`Memory::words`].
    fn load(&self, index: usize) -> W;
    /// Sets the word at `index`, after all that was stored before.
    fn store(&mut self, index: usize, word: W);
}

/// What a table may be made of: numbers that the machine reads and writes as a whole.
pub trait Word: Copy {
    /// The same, shared with BPF programs.
    type Shared;
    /// Reads it.
    fn load(shared: &Self::Shared) -> Self;
    /// Writes it, after all that was written before.
    fn store(shared: &Self::Shared, word: Self);
}

macro_rules! words {
    ($($word:ty: $shared:ty),+) => {$(
        impl Word for $word {
            type Shared = $shared;

            fn load(shared: &$shared) -> $word {
                shared.load(Ordering::Relaxed)
            }

            fn store(shared: &$shared, word: $word) {
                shared.store(word, Ordering::Release);
            }
        }
    )+};
}

words!(u32: AtomicU32, u64: AtomicU64);

/// A memory-mapped BPF array.
#[derive(Debug)]
pub struct Mapping<W: Word = u32> {
    start: NonNull<W::Shared>,
    words: usize,
}

// SAFETY: the mapping is shared memory that anybody may access by atomic operations, and belongs to no thread.
unsafe impl<W: Word> Send for Mapping<W> {}

impl<W: Word> Mapping<W> {
    /// Maps the elements of an array map created with `BPF_F_MMAPABLE`; `bytes` is their length together.
    pub fn new(map: BorrowedFd<'_>, bytes: usize) -> io::Result<Mapping<W>> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, libc::MAP_SHARED, map.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok(Mapping { start, words: bytes / size_of::<W>() })
    }

    fn word(&self, index: usize) -> &W::Shared {
        assert!(index < self.words, "word {index} of {}", self.words);
        // SAFETY: the index was checked, the mapping lives as long as `self`, and is accessed by atomic operations only.
        unsafe { self.start.add(index).as_ref() }
    }
}

impl<W: Word> Memory<W> for Mapping<W> {
    fn words(&self) -> usize {
        self.words
    }

    fn load(&self, index: usize) -> W {
        W::load(self.word(index))
    }

    fn store(&mut self, index: usize, word: W) {
        W::store(self.word(index), word);
    }
}

impl<W: Word> Drop for Mapping<W> {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nobody refers to it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.words * size_of::<W>()) };
    }
}

impl<W: Copy> Memory<W> for Vec<W> {
    fn words(&self) -> usize {
        self.len()
    }

    fn load(&self, index: usize) -> W {
        self[index]
    }

    fn store(&mut self, index: usize, word: W) {
        self[index] = word;
    }
}
