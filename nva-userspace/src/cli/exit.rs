//! Errors as exit codes, and a check's result as JSON.

use std::process::ExitCode;

use serde::Serialize;

use crate::config::{Config, ConfigError};
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

#[derive(Serialize)]
struct Report {
    valid: bool,
    problems: Vec<ReportedProblem>,
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
    let problems = match result {
        Ok(_) | Err(ConfigError::Read { .. }) => Vec::new(),
        Err(ConfigError::Invalid { problems }) => problems
            .iter()
            .map(|problem| ReportedProblem {
                file: problem.file.clone(),
                line: problem.line,
                column: problem.column,
                message: problem.message.clone(),
            })
            .collect(),
    };
    serde_json::to_string_pretty(&Report { valid: result.is_ok(), problems })
}
