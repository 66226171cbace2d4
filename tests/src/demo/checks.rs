//! Statements that are true, or make the demo fail.

use std::fmt::Display;

use anyhow::bail;

/// What was stated so far.
#[derive(Debug, Default)]
pub struct Checks {
    total: usize,
    wrong: Vec<String>,
}

impl Checks {
    /// States something that was expected and what is; prints both.
    pub fn equal<T: PartialEq + std::fmt::Debug>(&mut self, statement: impl Display, is: &T, expected: &T) {
        self.holds(statement, is == expected, || format!("{is:?} instead of {expected:?}"));
    }

    /// States something; `instead` says what is, if it is wrong.
    pub fn holds(&mut self, statement: impl Display, holds: bool, instead: impl FnOnce() -> String) {
        self.total += 1;
        if holds {
            println!("  ok     {statement}");
        } else {
            let wrong = format!("{statement}: {}", instead());
            println!("  WRONG  {wrong}");
            self.wrong.push(wrong);
        }
    }

    /// Fails if anything was wrong.
    pub fn finish(self) -> anyhow::Result<()> {
        if !self.wrong.is_empty() {
            bail!("{} of {} statements are wrong:\n  {}", self.wrong.len(), self.total, self.wrong.join("\n  "));
        }
        println!("all {} statements hold", self.total);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_statement_is_named() {
        let mut checks = Checks::default();
        checks.equal("two and two", &4, &4);
        checks.equal("rain", &"sun", &"rain");
        let error = checks.finish().expect_err("one is wrong").to_string();
        assert!(error.starts_with("1 of 2 statements are wrong:\n  rain: \"sun\" instead of \"rain\""), "{error}");
    }
}
