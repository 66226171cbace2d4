//! `nva policy test` as scripts meet it, the built program on files: exit codes, what goes where, who decided, what came
//! out, and files of routing tables. What all of its words mean is tested beside the code, in `cli/policy/tests.rs`.

use std::path::PathBuf;
use std::process::{Command, Output};

use nva_tests::daemon::nva_binary;
use serde_json::Value;

/// The exit codes that `nva --help` lists.
const GOOD: i32 = 0;
const FAILED: i32 = 1;
const USAGE: i32 = 2;
const INVALID: i32 = 3;

const CONFIGURATION: &str = r#"[router]
asn = 65000
router-id = "10.13.76.84"

[[policy]]
name = "from-leaf"
[[policy.statement]]
name = "loopbacks"
match = { prefixes = ["100.0.0.0/16 ge 32"], as-path = "^6510[0-9]_" }
then = { local-pref = 200, add-communities = ["65000:1"], accept = true }

[[peer]]
name = "nva0"
address = "10.13.76.100"
asn = 65100
import = ["from-leaf"]
"#;

const GOOD_ROUTE: &str = "100.0.0.100/32 path 65100";
const BAD_ROUTE: &str = "10.0.0.0/8 path 65100";

/// A directory with the configuration, in which the program runs.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Scene {
        let scene = Scene(tempfile::tempdir().expect("a directory"));
        scene.write("nva.toml", CONFIGURATION.as_bytes());
        scene
    }

    fn write(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, octets).expect("written");
        path
    }

    fn test(&self, words: &[&str]) -> Output {
        let mut command = Command::new(nva_binary().expect("nva is built"));
        command.current_dir(&self.0).args(["policy", "test", "-c", "nva.toml"]).args(words);
        command.output().expect("nva runs")
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[test]
fn it_says_who_decided_and_what_came_out() {
    let scene = Scene::new();
    let output = scene.test(&["--peer", "nva0", "--route", GOOD_ROUTE, "--route", BAD_ROUTE]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(GOOD), String::new()));
    assert_eq!(
        text(&output.stdout),
        "100.0.0.100/32 path 65100\n\
         \x20 policy from-leaf, statement loopbacks (line 7): local-pref: none → 200; community: none → 65000:1\n\
         accept: policy from-leaf, statement loopbacks (line 7)\n\
         \x20 local-pref: none → 200\n\
         \x20 community: none → 65000:1\n\
         \n\
         10.0.0.0/8 path 65100\n\
         reject: no statement matched (default: reject, RFC 8212)\n"
    );
    let output = scene.test(&["--policy", "from-leaf", "--json", "--route", GOOD_ROUTE]);
    let verdict: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let said = (&verdict["outcome"], &verdict["decided_by"], &verdict["line"]);
    assert_eq!(said, (&"accept".into(), &"policy from-leaf, statement loopbacks".into(), &7.into()), "{verdict}");
}

#[test]
fn what_is_expected_is_in_the_exit_code() {
    let scene = Scene::new();
    for (expected, route, code) in [
        ("accept", GOOD_ROUTE, GOOD),
        ("accept", BAD_ROUTE, FAILED),
        ("reject", BAD_ROUTE, GOOD),
        ("reject", GOOD_ROUTE, FAILED),
    ] {
        let output = scene.test(&["--peer", "nva0", "--expect", expected, "--route", route]);
        assert_eq!(output.status.code(), Some(code), "{expected} {route}: {output:?}");
        // The verdict is there either way, and an error says what was expected.
        assert!(text(&output.stdout).starts_with(route), "{output:?}");
        assert_eq!(
            text(&output.stderr).contains(&format!("expected to be {expected}ed")),
            code == FAILED,
            "{output:?}"
        );
    }
}

#[test]
fn mistakes_are_said_on_standard_error_alone() {
    let scene = Scene::new();
    scene.write("broken.toml", b"[router]\nasn = 65000\nrouter-id = \"10.13.76.84\"\ncolour = \"red\"\n");
    let both = [("--policy", "to-leaf"), ("--peer", "nva9")];
    let messages = ["no policy named \"to-leaf\": there is from-leaf", "no peer named \"nva9\": there is nva0"];
    for ((word, name), message) in both.into_iter().zip(messages) {
        let output = scene.test(&[word, name, "--route", GOOD_ROUTE]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(FAILED), 0), "{output:?}");
        assert!(text(&output.stderr).contains(message), "{output:?}");
    }
    for (words, code, message) in [
        (&["--peer", "nva0", "--route", "10.0.0.0/8 way 1"][..], FAILED, "column 12: \"way\" is no word of a route"),
        (&["--peer", "nva0", "--mrt", "none.mrt"], FAILED, "cannot read none.mrt"),
        (&["--peer", "nva0"], USAGE, "--route"),
    ] {
        let output = scene.test(words);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{output:?}");
        assert!(text(&output.stderr).contains(message), "{output:?}");
    }
    std::fs::rename(scene.0.path().join("broken.toml"), scene.0.path().join("nva.toml")).expect("renamed");
    let output = scene.test(&["--peer", "nva0", "--route", GOOD_ROUTE]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(INVALID), 0), "{output:?}");
    assert!(text(&output.stderr).starts_with("nva.toml:4:1: "), "{output:?}");
}

#[test]
fn a_table_is_summed_up_and_its_routes_can_be_tried_one_by_one() {
    let scene = Scene::new();
    let routes = [([100, 0, 0, 1], 32, 65100), ([100, 0, 0, 2], 32, 65109), ([10, 0, 0, 0], 8, 65100)];
    scene.write("table.mrt", &table(&routes));
    let output = scene.test(&["--policy", "from-leaf", "--mrt", "table.mrt"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(GOOD), String::new()));
    let said = text(&output.stdout);
    assert!(said.ends_with("\n4 records: 2 routes accepted, 1 rejected\n"), "{said}");

    let output = scene.test(&["--policy", "from-leaf", "--mrt", "table.mrt", "--verbose", "--json"]);
    let rows = text(&output.stdout);
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (sum, rows) = rows.split_last().expect("rows and their sum");
    assert_eq!((&sum["accepted"], &sum["rejected"], &sum["records"]), (&2.into(), &1.into(), &4.into()), "{sum}");
    assert_eq!(rows.len(), routes.len());
    for row in rows {
        let route = row["route"].as_str().expect("a route");
        let again = scene.test(&["--policy", "from-leaf", "--json", "--route", route]);
        let again: Value = serde_json::from_slice(&again.stdout).expect("JSON");
        assert_eq!(&again, row, "what is shown of a route can be given to --route");
    }
    let output = scene.test(&["--policy", "from-leaf", "--mrt", "table.mrt", "--expect", "accept"]);
    assert_eq!(output.status.code(), Some(FAILED), "{output:?}");
    assert!(text(&output.stderr).contains("1 of the routes rejected"), "{output:?}");

    let whole = table(&routes);
    scene.write("table.mrt", &whole[..whole.len() - 1]);
    let output = scene.test(&["--policy", "from-leaf", "--mrt", "table.mrt"]);
    assert_eq!(output.status.code(), Some(FAILED), "{output:?}");
    assert!(text(&output.stderr).contains("table.mrt: record 4: the file ends after"), "{output:?}");
}

/// A TABLE_DUMP_V2 file (RFC 6396 §4.3) of the routes of 10.13.76.100, AS 65100: address, length, and the AS that
/// announced it.
fn table(routes: &[([u8; 4], u8, u32)]) -> Vec<u8> {
    let record = |subtype: u8, body: &[u8]| {
        let length = u32::try_from(body.len()).expect("a small record").to_be_bytes();
        [&[0, 0, 0, 0, 0, 13, 0, subtype][..], &length, body].concat()
    };
    let peer = [&[2, 1, 1, 1, 1, 10, 13, 76, 100][..], &65100_u32.to_be_bytes()].concat();
    let mut file = record(1, &[&[192, 0, 2, 255, 0, 0, 0, 1][..], &peer].concat());
    for (address, length, asn) in routes {
        let significant = &address[..usize::from(*length).div_ceil(8)];
        let path =
            [&[0x40, 1, 1, 0, 0x40, 2, 6, 2, 1][..], &asn.to_be_bytes(), &[0x40, 3, 4, 10, 13, 76, 100]].concat();
        let entry = [&[0, 0, 0, 0, 0, 0, 0, u8::try_from(path.len()).expect("short")][..], &path].concat();
        file.extend(record(2, &[&[0, 0, 0, 1, *length][..], significant, &[0, 1], &entry].concat()));
    }
    file
}
