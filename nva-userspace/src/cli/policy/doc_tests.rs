//! docs/policy.md: every example is a configuration, and every command prints what is printed there.

use std::fs;

use clap::Parser;
use tempfile::TempDir;

use super::*;
use crate::cli::args::{Args, Command};

const DOCUMENT: &str = include_str!("../../../../docs/policy.md");

/// The page says that every example ends with these lines.
const ROUTER: &str = "[router]\nasn = 65000\nrouter-id = \"10.13.76.84\"\n";

/// The fenced blocks with their languages.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let mut blocks = Vec::new();
    let mut rest = DOCUMENT;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (language, body) = after.split_once('\n').expect("a block");
        let (body, after) = body.split_once("```").expect("the end of a block");
        blocks.push((language, body));
        rest = after;
    }
    blocks
}

/// A command line's words; single quotes keep what is between them together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// What a command prints, with its error, if there is one.
fn output(line: &str, directory: &Path) -> String {
    let args = Args::try_parse_from(words(line)).unwrap_or_else(|error| panic!("{line}: {error}"));
    let Command::Policy { command: PolicyCommand::Test(mut test) } = args.command else { panic!("{line}") };
    test.config = directory.join(&test.config);
    let mut out = Vec::new();
    let result = run(&test, &mut out);
    let error = result.err().map(|error| format!("{}\n", crate::cli::exit::message(&error)));
    String::from_utf8(out).expect("text") + &error.unwrap_or_default()
}

#[test]
fn the_examples_do_what_the_page_says() {
    let directory = TempDir::new().expect("a directory");
    let (mut examples, mut commands) = (0, 0);
    for (language, body) in blocks() {
        match language {
            "toml" if body == ROUTER => {}
            "toml" => {
                let text = format!("{body}\n{ROUTER}");
                let config = Config::parse("docs/policy.md", &text).unwrap_or_else(|error| panic!("{body}\n{error}"));
                assert!(!config.policies.is_empty(), "{body}");
                fs::write(directory.path().join("nva.toml"), text).expect("written");
                examples += 1;
            }
            "console" => {
                for shown in body.strip_prefix("$ ").expect("a command").split("\n$ ") {
                    let (line, expected) = shown.split_once('\n').expect("a command and what it prints");
                    let found = output(line, directory.path());
                    assert_eq!(found.trim_end(), expected.trim_end(), "{line}\nprints\n{found}");
                    commands += 1;
                }
            }
            _ => {}
        }
    }
    assert!(examples >= 13 && commands > examples, "{examples} examples, {commands} commands");
}

/// The words of a route's text stand in the page, and no others.
#[test]
fn the_page_has_every_word_of_a_route() {
    let table =
        DOCUMENT.split("### Routes as text").nth(1).and_then(|rest| rest.split("\n### ").next()).expect("a table");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let columns = rows.filter_map(|row| row.split('|').nth(1));
    let mut shown: Vec<&str> = columns.flat_map(|words| words.split('`').skip(1).step_by(2)).collect();
    let error = "10.0.0.0/8 nothing".parse::<RouteText>().expect_err("no word").to_string();
    let (_, known) = error.split_once("is no word of a route: ").expect("the words");
    let mut known: Vec<&str> = known.split(", ").collect();
    shown.sort_unstable();
    known.sort_unstable();
    assert_eq!(shown, known);
}
