//! One thing in the kernel, be it a route or a next-hop object: what is known of it, and what is under way with it.

use super::Failure;

/// After so many refusals to replace a thing it is withdrawn, so that packets do not go for ever where nobody wants them.
/// One may be for want of memory.
const REPLACEMENTS: u32 = 2;

/// What the kernel holds of one thing, as far as we know. There may be a million of these, of which few are under way.
#[derive(Debug)]
pub(super) struct Held<T> {
    installed: Option<T>,
    under_way: Option<Box<UnderWay<T>>>,
    /// The host's state has shown what is installed: from then on, a difference is somebody else's doing.
    confirmed: bool,
    /// The last operation failed.
    failure: Option<Box<Failure>>,
}

/// An operation that the kernel has not answered yet.
#[derive(Debug)]
struct UnderWay<T> {
    /// What it leads to: this, or nothing.
    target: Option<T>,
    /// The host's state has shown that.
    echoed: bool,
    /// What the host's state has shown last.
    seen: Option<Option<T>>,
}

/// What is to be done to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<T> {
    Install(T),
    Replace(T),
    Withdraw(T),
}

/// What an answer of the kernel's comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    /// The operation was carried out.
    pub(super) done: bool,
    /// What is installed is not what it was before.
    pub(super) changed: bool,
}

impl<T> Default for Held<T> {
    fn default() -> Held<T> {
        Held { installed: None, under_way: None, confirmed: true, failure: None }
    }
}

impl<T: Clone + PartialEq> Held<T> {
    /// What is installed, as far as we know.
    pub(super) fn installed(&self) -> Option<&T> {
        self.installed.as_ref()
    }

    /// Everything that the kernel may hold now or soon.
    pub(super) fn possible(&self) -> impl Iterator<Item = &T> {
        let (target, seen) = match self.under_way.as_deref() {
            Some(UnderWay { target, seen, .. }) => (target.as_ref(), seen.as_ref().and_then(Option::as_ref)),
            None => (None, None),
        };
        self.installed.iter().chain(target).chain(seen)
    }

    /// Whether it is installed, or will be if the kernel does what it was last told.
    pub(super) fn is_there(&self) -> bool {
        self.under_way.as_ref().map_or(self.installed.is_some(), |under_way| under_way.target.is_some())
    }

    /// Whether an operation is under way.
    pub(super) fn is_in_flight(&self) -> bool {
        self.under_way.is_some()
    }

    /// Whether there is nothing left to remember.
    pub(super) fn is_gone(&self) -> bool {
        self.installed.is_none() && self.under_way.is_none()
    }

    /// Why the last operation failed, if it did.
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.failure.as_deref()
    }

    /// Whether the kernel has refused so often to have it as desired that another way has to be gone.
    pub(super) fn is_refused(&self, desired: Option<&T>) -> bool {
        self.installed.as_ref() != desired
            && self.failure.as_ref().is_some_and(|failure| failure.attempts >= REPLACEMENTS)
    }

    /// Begins what is to be done, if anything is and nothing is under way. With `keep`, what is there is not
    /// taken away.
    pub(super) fn step(&mut self, desired: Option<&T>, keep: bool) -> Option<Step<T>> {
        if self.under_way.is_some() {
            return None;
        }
        let refused = self.is_refused(desired);
        let step = match (&self.installed, desired) {
            (None, Some(new)) => Step::Install(new.clone()),
            (Some(old), Some(new)) if old != new && refused && !keep => Step::Withdraw(old.clone()),
            (Some(old), Some(new)) if old != new => Step::Replace(new.clone()),
            (Some(old), None) if !keep => Step::Withdraw(old.clone()),
            (Some(_), Some(_)) | (Some(_), None) | (None, None) => {
                self.failure = None;
                return None;
            }
        };
        let target = if matches!(step, Step::Withdraw(_)) { None } else { desired.cloned() };
        self.under_way = Some(Box::new(UnderWay { target, echoed: false, seen: None }));
        Some(step)
    }

    /// Takes in what the host's state shows. Whether that is not what we thought.
    pub(super) fn observe(&mut self, seen: Option<&T>) -> bool {
        if let Some(under_way) = &mut self.under_way {
            under_way.echoed |= under_way.target.as_ref() == seen;
            under_way.seen = Some(seen.cloned());
        } else if self.installed.as_ref() == seen {
            self.confirmed = true;
        } else if self.confirmed {
            self.installed = seen.cloned();
            return true;
        }
        false
    }

    /// What differs from here on is somebody else's doing.
    pub(super) fn confirm(&mut self) {
        self.confirmed = true;
    }

    /// Takes in the kernel's answer to what is under way; the error is its own text. `None` if nothing is.
    pub(super) fn acknowledge(&mut self, result: Result<(), String>) -> Option<Answered> {
        let UnderWay { target, echoed, seen } = *self.under_way.take()?;
        match result {
            Ok(()) => {
                // What was seen after the echo is newer than the answer: answers wait for the rest of their batch.
                let seen = seen.filter(|_| echoed);
                let new = seen.unwrap_or(target);
                let changed = self.installed != new;
                self.installed = new;
                self.confirmed = echoed;
                self.failure = None;
                Some(Answered { done: true, changed })
            }
            Err(reason) => {
                let attempts = self.failure.as_ref().map_or(0, |failure| failure.attempts).saturating_add(1);
                self.failure = Some(Box::new(Failure { reason, attempts }));
                // Somebody may have taken away what was to be replaced: then the next try has to be another.
                let seen = seen.filter(|_| self.confirmed);
                let changed = seen.as_ref().is_some_and(|seen| *seen != self.installed);
                if let Some(seen) = seen {
                    self.installed = seen;
                }
                Some(Answered { done: false, changed })
            }
        }
    }
}
