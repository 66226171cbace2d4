//! What `nva-guest` reports (`tests/src/guest/report.rs`), and the table of it.

use std::fmt::Write;

/// Of each row of a report.
const COLUMNS: [&str; 9] =
    ["Kernel", "Program", "Verified: root", "program", "Attached", "IPv4", "IPv6", "IPv4 hairpin", "IPv6 hairpin"];

/// As many programs are tried: the forwarder, and that of debug mode.
const PROGRAMS: usize = 2;

/// One machine's report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    rows: Vec<Vec<String>>,
    verdicts: Option<String>,
    passed: bool,
    failed: Option<String>,
}

impl Report {
    /// From what came over the serial port, which may have ended anywhere.
    pub fn parse(text: &str) -> Report {
        let mut report = Report::default();
        for line in text.lines() {
            let words: Vec<String> = line.trim_end().split('\t').map(str::to_owned).collect();
            match words.as_slice() {
                [kind, row @ ..] if kind == "row" && row.len() == COLUMNS.len() => report.rows.push(row.to_vec()),
                [kind, count] if kind == "verdicts" => report.verdicts = Some(count.clone()),
                [kind, why @ ..] if kind == "failed" => report.failed = Some(why.join(" ")),
                [kind] if kind == "passed" => report.passed = true,
                _ => {}
            }
        }
        report
    }

    /// Why the machine has not passed, if so.
    pub fn complaint(&self) -> Option<String> {
        if let Some(why) = &self.failed {
            return Some(why.clone());
        }
        if !self.passed {
            return Some("it ended without a word: a panic, or out of time".to_owned());
        }
        let complete = self.rows.len() == PROGRAMS && self.verdicts.is_some();
        (!complete).then(|| "its report is not complete".to_owned())
    }
}

/// A table of all machines, with what became of each.
pub fn table(reports: &[(String, Report)]) -> String {
    let mut lines = vec![COLUMNS.map(str::to_owned).to_vec()];
    lines[0].extend(["Tests".to_owned(), "Result".to_owned()]);
    for (kernel, report) in reports {
        let result = if report.complaint().is_none() { "pass" } else { "FAIL" };
        let mut rows = report.rows.clone();
        if rows.is_empty() {
            let mut row = vec!["-".to_owned(); COLUMNS.len()];
            row[0].clone_from(kernel);
            rows.push(row);
        }
        for mut row in rows {
            row.extend([report.verdicts.clone().unwrap_or_else(|| "-".to_owned()), result.to_owned()]);
            lines.push(row);
        }
    }
    aligned(&lines)
}

fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "row\t6.1.0\tforwarder\t12\t9000\tnative\t1000\t1002\t1000\t1004\r\n";

    fn whole() -> String {
        format!("{ROW}{}verdicts\t26\r\npassed\r\n", ROW.replace("forwarder", "forwarder_debug"))
    }

    #[test]
    fn a_whole_report_has_no_complaint() {
        let report = Report::parse(&whole());
        assert_eq!(report.complaint(), None);
        let table = table(&[("6.1.0".to_owned(), report)]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3, "{table}");
        assert!(lines[2].starts_with("6.1.0   forwarder_debug  12 "), "{table}");
        assert!(lines[1].ends_with("26     pass"), "{table}");
    }

    #[test]
    fn anything_less_has() {
        for (without, with) in
            [("passed", ""), ("verdicts\t26", ""), ("forwarder_debug", "a\tb"), ("passed", "failed\tno")]
        {
            let report = Report::parse(&whole().replace(without, with));
            assert!(report.complaint().is_some(), "{with:?} for {without:?}");
        }
        let silent = Report::parse("");
        assert!(table(&[("6.12".to_owned(), silent)]).contains("FAIL"));
        let failed = Report::parse("failed\tload the XDP program root: no\r\n");
        assert_eq!(failed.complaint().as_deref(), Some("load the XDP program root: no"));
    }
}
