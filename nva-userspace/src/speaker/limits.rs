//! Limits on the number of a peer's prefixes: what is configured, how near a number is to it, and what is kept for them
//! while a session is established. What follows is [`super::enforce`]'s.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::net::{AfiSafi, Instant, Prefix};

/// Which prefixes a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LimitKind {
    /// Those that came in, before any check or policy: all that the peer costs memory for.
    Receive,
    /// Those that passed the checks and the import policy.
    Import,
    /// Those that the peer is told.
    Export,
}

impl LimitKind {
    /// All of them.
    pub const ALL: [LimitKind; 3] = [LimitKind::Receive, LimitKind::Import, LimitKind::Export];

    /// Its key in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            LimitKind::Receive => "receive-limit",
            LimitKind::Import => "import-limit",
            LimitKind::Export => "export-limit",
        }
    }
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What happens above a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitAction {
    /// The operator is told, and nothing else happens.
    Warn,
    /// What is above it is refused, until there is room.
    Block,
    /// The session ends, and begins anew after this time.
    Restart(Duration),
    /// The session ends, and stays down until an operator lets it run.
    Shutdown,
}

impl LimitAction {
    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            LimitAction::Warn => "warn",
            LimitAction::Block => "block",
            LimitAction::Restart(_) => "restart",
            LimitAction::Shutdown => "shutdown",
        }
    }
}

/// A limit for one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many prefixes there may be.
    pub prefixes: usize,
    /// From how many on the operator is warned.
    pub warn_at: usize,
    /// What happens above it.
    pub action: LimitAction,
}

/// How near a number is to a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// Far enough.
    #[default]
    Within,
    /// The operator was to be warned.
    Near,
    /// More than allowed, or as many as allowed and more were refused.
    Above,
}

impl Limit {
    /// How near so many are.
    pub fn nearness(&self, count: usize, refused: bool) -> Nearness {
        match count {
            _ if count > self.prefixes || refused => Nearness::Above,
            _ if count >= self.warn_at => Nearness::Near,
            _ => Nearness::Within,
        }
    }

    /// The same for somebody who was told of `before`: a number that goes up and down a bit is not told of again and
    /// again, so each mark is left a tenth below it.
    fn noted(&self, count: usize, refused: bool, before: Nearness) -> Nearness {
        let stays = |mark: usize| count.saturating_mul(10) >= mark.saturating_mul(9);
        let now = self.nearness(count, refused);
        match before {
            Nearness::Above if stays(self.prefixes) => Nearness::Above,
            Nearness::Above | Nearness::Near if stays(self.warn_at) => now.max(Nearness::Near),
            Nearness::Above | Nearness::Near | Nearness::Within => now,
        }
    }
}

/// A peer's limits, by what they count and for which family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits(pub BTreeMap<(LimitKind, AfiSafi), Limit>);

impl Limits {
    /// The limit on prefixes of this family.
    pub fn get(&self, kind: LimitKind, family: AfiSafi) -> Option<&Limit> {
        self.0.get(&(kind, family))
    }

    /// How many there may be, if what is above it is refused.
    pub fn blocks(&self, kind: LimitKind, family: AfiSafi) -> Option<usize> {
        self.get(kind, family).filter(|limit| limit.action == LimitAction::Block).map(|limit| limit.prefixes)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (LimitKind, AfiSafi, Limit)> + '_ {
        self.0.iter().map(|((kind, family), limit)| (*kind, *family, *limit))
    }

    /// Whether there is any on what comes in.
    pub(super) fn inbound(&self) -> bool {
        self.0.keys().any(|(kind, _)| *kind != LimitKind::Export)
    }

    /// Whether there is any on what goes out.
    pub(super) fn outbound(&self) -> bool {
        self.0.keys().any(|(kind, _)| *kind == LimitKind::Export)
    }
}

/// A limit that was exceeded, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excess {
    /// What was counted.
    pub kind: LimitKind,
    /// Of which family.
    pub family: AfiSafi,
    /// How many there are.
    pub count: usize,
    /// How many there may be.
    pub limit: usize,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Excess { kind, family, count, limit } = self;
        let what = match kind {
            LimitKind::Receive => "received from the peer",
            LimitKind::Import => "accepted from the peer",
            LimitKind::Export => "to be told to the peer",
        };
        write!(f, "{count} prefixes of {family} {what}, {kind} is {limit}")
    }
}

/// Why a peer has no session: a limit of its own ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrun {
    /// The limit.
    pub excess: Excess,
    /// When the session begins anew; `None`: when an operator says so.
    pub until: Option<Instant>,
}

/// What is known of a session's limits while it is established.
#[derive(Clone, Debug, Default)]
pub struct Limiting {
    /// What the operator was told last.
    noted: BTreeMap<(LimitKind, AfiSafi), Nearness>,
    /// Routes that were refused on arrival and are not kept.
    refused: BTreeMap<AfiSafi, Refused>,
    /// Prefixes whose routes were rejected for `import-limit`; what became of them otherwise is looked at when there is room.
    import_blocked: BTreeMap<AfiSafi, BTreeSet<Prefix>>,
    /// What the peer is told, where that is limited.
    told: BTreeMap<AfiSafi, BTreeSet<Prefix>>,
    /// What it would be told if there were room.
    kept_back: BTreeMap<AfiSafi, BTreeSet<Prefix>>,
    /// One of the two is not what it was when this was last asked.
    news: bool,
    /// When refused routes were asked for last.
    pub(super) asked: Option<Instant>,
    /// When they are asked for next.
    pub(super) ask_at: Option<Instant>,
}

/// Routes that came while there was no room.
#[derive(Clone, Copy, Debug, Default)]
struct Refused {
    /// Since the session began.
    total: u64,
    /// Since they were last asked for.
    missing: u64,
}

impl Limiting {
    /// How many prefixes the peer is told, where that is limited.
    pub fn told(&self, family: AfiSafi) -> usize {
        self.told.get(&family).map_or(0, BTreeSet::len)
    }

    /// Whether the peer would be told of the prefix if there were room.
    pub fn keeps_back(&self, prefix: Prefix) -> bool {
        self.kept_back.get(&prefix.family()).is_some_and(|prefixes| prefixes.contains(&prefix))
    }

    /// Routes that the peer has sent and that were refused, as far as we know: it may have withdrawn some since.
    pub(super) fn missing(&self, family: AfiSafi) -> u64 {
        self.refused.get(&family).map_or(0, |refused| refused.missing)
    }

    /// Whether something is refused at the moment.
    pub fn is_refusing(&self, kind: LimitKind, family: AfiSafi) -> bool {
        match kind {
            LimitKind::Receive => self.missing(family) > 0,
            LimitKind::Import => self.import_blocked.contains_key(&family),
            LimitKind::Export => self.kept_back(family) > 0,
        }
    }

    /// Routes that were refused on arrival since the session began.
    pub(super) fn refused(&self, family: AfiSafi) -> u64 {
        self.refused.get(&family).map_or(0, |refused| refused.total)
    }

    /// How many prefixes it would be told if there were room.
    pub(super) fn kept_back(&self, family: AfiSafi) -> usize {
        self.kept_back.get(&family).map_or(0, BTreeSet::len)
    }

    /// The first of what is kept back.
    pub(super) fn first_kept_back(&self, family: AfiSafi, count: usize) -> Vec<Prefix> {
        self.kept_back.get(&family).into_iter().flatten().take(count).copied().collect()
    }

    /// The last of what the peer is told.
    pub(super) fn last_told(&self, family: AfiSafi, count: usize) -> Vec<Prefix> {
        self.told.get(&family).into_iter().flat_map(|prefixes| prefixes.iter().rev()).take(count).copied().collect()
    }

    /// A route was rejected for `import-limit`.
    pub(super) fn block_import(&mut self, prefix: Prefix) {
        self.import_blocked.entry(prefix.family()).or_default().insert(prefix);
    }

    /// The route is gone, or looked at again.
    pub(super) fn unblock_import(&mut self, prefix: Prefix) {
        if let Some(blocked) = self.import_blocked.get_mut(&prefix.family()) {
            blocked.remove(&prefix);
            if blocked.is_empty() {
                self.import_blocked.remove(&prefix.family());
            }
        }
    }

    /// The first of the prefixes whose routes were rejected for `import-limit`.
    pub(super) fn first_import_blocked(&self, family: AfiSafi) -> Option<Prefix> {
        self.import_blocked.get(&family)?.first().copied()
    }

    /// A route was refused on arrival.
    pub(super) fn refuse(&mut self, family: AfiSafi, count: u64) {
        let refused = self.refused.entry(family).or_default();
        refused.total += count;
        refused.missing += count;
    }

    /// The peer was asked for all of this family again.
    pub(super) fn asked_again(&mut self, family: AfiSafi, now: Instant) {
        self.asked = Some(now);
        if let Some(refused) = self.refused.get_mut(&family) {
            refused.missing = 0;
        }
    }

    /// The export decision about a prefix: whether the peer is told, as far as this limit goes.
    pub(super) fn tell(&mut self, prefix: Prefix, wanted: bool, most: Option<usize>) -> bool {
        let told = self.told.entry(prefix.family()).or_default();
        let kept_back = self.kept_back.entry(prefix.family()).or_default();
        let has_room = told.contains(&prefix) || most.is_none_or(|most| told.len() < most);
        let tells = wanted && has_room;
        let changed = if tells { told.insert(prefix) } else { told.remove(&prefix) };
        let kept = if wanted && !has_room { kept_back.insert(prefix) } else { kept_back.remove(&prefix) };
        self.news |= changed || kept;
        tells
    }

    /// Keeps back what the peer was told.
    pub(super) fn keep_back(&mut self, prefix: Prefix) {
        if self.told.get_mut(&prefix.family()).is_some_and(|told| told.remove(&prefix)) {
            self.kept_back.entry(prefix.family()).or_default().insert(prefix);
        }
    }

    /// Forgets what was counted of families that are no longer limited.
    pub(super) fn count_only(&mut self, limits: &Limits) {
        let limited = |family: &AfiSafi| limits.get(LimitKind::Export, *family).is_some();
        self.told.retain(|family, _| limited(family));
        self.kept_back.retain(|family, _| limited(family));
    }

    /// Whether what the peer is told has changed: true once.
    pub(super) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Takes note of a number; what the operator is to be told of it, if that is more than before.
    pub(super) fn note(
        &mut self,
        (kind, family): (LimitKind, AfiSafi),
        limit: &Limit,
        count: usize,
        refused: bool,
    ) -> Option<Nearness> {
        let noted = self.noted.entry((kind, family)).or_default();
        let before = std::mem::replace(noted, limit.noted(count, refused, *noted));
        (*noted > before).then_some(*noted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_told_of_once_until_the_number_was_well_below() {
        let limit = Limit { prefixes: 100, warn_at: 75, action: LimitAction::Warn };
        let key = (LimitKind::Receive, AfiSafi::Ipv4Unicast);
        let mut limiting = Limiting::default();
        let mut note = |count| limiting.note(key, &limit, count, false);
        let (near, above) = (Some(Nearness::Near), Some(Nearness::Above));
        let steps = [
            (74, None),
            (75, near),
            (74, None),
            (75, None),
            (100, None),
            (101, above),
            (99, None),
            (101, None),
            // A tenth below the limit, and then a tenth below the warning.
            (89, None),
            (101, above),
            (60, None),
            (75, near),
            (200, above),
            (0, None),
            (200, above),
        ];
        for (step, (count, told)) in steps.into_iter().enumerate() {
            assert_eq!(note(count), told, "step {step}: {count}");
        }
    }

    #[test]
    fn what_is_told_never_exceeds_a_limit_that_blocks() {
        let prefixes: Vec<Prefix> = (0..4).map(|third| format!("10.0.{third}.0/24").parse().expect("it")).collect();
        let family = AfiSafi::Ipv4Unicast;
        let mut limiting = Limiting::default();
        let told: Vec<bool> = prefixes.iter().map(|prefix| limiting.tell(*prefix, true, Some(2))).collect();
        assert_eq!(told, [true, true, false, false]);
        assert!(limiting.tell(prefixes[0], true, Some(2)), "what is told already has its place");
        assert_eq!((limiting.told(family), limiting.kept_back(family)), (2, 2));
        assert!(limiting.take_news() && !limiting.take_news());
        assert!(!limiting.tell(prefixes[3], false, Some(2)), "gone");
        assert!(!limiting.tell(prefixes[0], false, Some(2)), "gone, and there is room");
        assert_eq!(limiting.first_kept_back(family, 5), [prefixes[2]]);
        assert!(limiting.tell(prefixes[2], true, Some(2)));
        assert_eq!((limiting.told(family), limiting.kept_back(family)), (2, 0));
        assert_eq!(limiting.last_told(family, 1), [prefixes[2]]);
        limiting.keep_back(prefixes[2]);
        assert!(limiting.keeps_back(prefixes[2]) && limiting.told(family) == 1);
    }
}
