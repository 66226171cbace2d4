//! Speakers joined by simulated networks under a virtual clock (level 3 of the test ladder).

mod article;
mod chaos;
mod sim;
mod single;
