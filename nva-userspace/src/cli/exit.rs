//! Errors as exit codes, and a check's result as JSON.

use std::process::ExitCode;

use serde::Serialize;

use crate::config::{Config, ConfigError, Problem};
use crate::control::ControlError;

/// The exit code of an error; the command line's help lists them.
pub fn code(error: &anyhow::Error) -> ExitCode {
    if error.is::<ConfigError>() {
        return ExitCode::from(3);
    }
    match error.downcast_ref::<ControlError>() {
        Some(ControlError::Connect { .. }) => ExitCode::from(4),
        Some(_) | None => ExitCode::FAILURE,
    }
}

/// An error with its causes in one line, each said once: many of our errors name their cause themselves.
pub fn message(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

#[derive(Serialize)]
struct Report {
    valid: bool,
    problems: Vec<ReportedProblem>,
    warnings: Vec<ReportedProblem>,
}

#[derive(Serialize)]
struct ReportedProblem {
    file: String,
    line: usize,
    column: usize,
    message: String,
}

/// What `nva check --json` prints; a file that cannot be read has no problems with a place, so that stays an error.
pub fn check_report(result: &Result<Config, ConfigError>) -> Result<String, serde_json::Error> {
    let (problems, warnings) = match result {
        Ok(config) => (&[][..], config.warnings.as_slice()),
        Err(ConfigError::Read { .. }) => (&[][..], &[][..]),
        Err(ConfigError::Invalid { problems }) => (problems.as_slice(), &[][..]),
    };
    let report = Report { valid: result.is_ok(), problems: reported(problems), warnings: reported(warnings) };
    serde_json::to_string_pretty(&report)
}

fn reported(problems: &[Problem]) -> Vec<ReportedProblem> {
    let one = |problem: &Problem| ReportedProblem {
        file: problem.file.clone(),
        line: problem.line,
        column: problem.column,
        message: problem.message.clone(),
    };
    problems.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn warnings_are_reported_beside_problems() {
        let text = "[router]\nasn = 65000\nrouter-id = \"10.0.0.1\"\n[[peer]]\nname = \"rs0\"\n\
                    kind = \"azure-route-server\"\naddress = \"10.13.76.4\"\nnext-hop = \"keep\"\n";
        let report = |text: &str| -> serde_json::Value {
            let json = check_report(&Config::parse("nva.toml", text)).expect("JSON");
            serde_json::from_str(&json).expect("JSON")
        };
        let odd = report(text);
        assert!(odd["valid"] == true && odd["problems"] == serde_json::json!([]), "{odd}");
        assert_eq!(
            (&odd["warnings"][0]["line"], odd["warnings"].as_array().map(Vec::len)),
            (&5.into(), Some(1)),
            "{odd}"
        );
        let wrong = report(&text.replace("65000", "0"));
        assert!(wrong["valid"] == false && wrong["problems"][0]["line"] == 2, "{wrong}");
    }

    #[test]
    fn every_cause_is_said_once() {
        let missing = Config::load(std::path::Path::new("/nonexistent/nva.toml")).expect_err("no such file");
        let text = message(&missing.into());
        assert_eq!(text.matches("No such file").count(), 1, "{text}");
        let silent = Err::<(), _>(std::io::Error::other("the cause")).context("what failed").expect_err("an error");
        assert_eq!(message(&silent), "what failed: the cause");
    }
}
