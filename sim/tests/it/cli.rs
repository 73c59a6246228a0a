//! The command as a user meets it: streams, exit codes, files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use expect_test::expect;
use tribunal_reports::artifact::{ExpectationStatus, RunArtifact};

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cli")
}

/// Runs the command in the folder of the test scenarios.
fn tribunal(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tribunal"))
        .args(arguments)
        .current_dir(home())
        .env_remove("COLUMNS")
        .output()
        .expect("the binary runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// An empty folder for the files of one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("an old folder goes");
    }
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The tiny scenario with one text replaced, in a folder of its own.
fn changed(name: &str, from: &str, to: &str) -> PathBuf {
    let source = fs::read_to_string(home().join("tiny.toml")).expect("the scenario");
    assert!(source.contains(from), "{from}");
    let path = folder(name).join("changed.toml");
    fs::write(&path, source.replace(from, to)).expect("written");
    path
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Runs the tiny scenario and gives its folder.
fn reported(name: &str, more: &[&str]) -> PathBuf {
    let out = folder(name);
    let mut arguments = vec!["run", "tiny.toml", "--out", shown(&out)];
    arguments.extend(more);
    let output = tribunal(&arguments);
    assert_eq!(code(&output), 0, "{}{}", text(&output.stdout), text(&output.stderr));
    out
}

#[test]
fn check_prints_the_plan() {
    let output = tribunal(&["check", "tiny.toml"]);
    assert_eq!((code(&output), text(&output.stderr).as_str()), (0, ""));
    expect![[r#"
        A short pause  tiny.toml
          A broker that stands still for a moment costs time and no record.
        runs         4 runs = 2 × 2 (seeds 1..2), each 3s of load and up to 5s to settle, virtual time
        matrix       acks = 1, all
                     below: the variant acks=1
        cluster      3 brokers, 1 controller, profile lan, protocol safe
        topic        orders: 1 partition, replication 3
        producer     shop: 1 client to orders, 50/s each
        consumer     audit: reads orders
        fault        nap: pause of leader(orders/0) for 300ms, at 1s
        setting      topic.orders: min.insync.replicas = 2 (default 1, line 26)
        setting      producer.shop: acks = 1 (default all, matrix acks, line 18)
        expect       holds no-acked-record-lost on acks = all (line 7)
        expect       rto(nap) < 2s (line 8)
        expect       happens acked >= 10 (line 9)
    "#]]
    .assert_eq(&text(&output.stdout));
}

#[test]
fn check_lists_every_problem_on_stderr_and_exits_with_2() {
    let path = changed(
        "check-bad",
        "[producer.shop]\ntopic = \"orders\"",
        "[producer.shop]\ntopic = \"odrers\"\nrtae = 3",
    );
    let output = tribunal(&["check", shown(&path)]);
    assert_eq!((code(&output), text(&output.stdout).as_str()), (2, ""));
    let problems = text(&output.stderr);
    assert!(problems.contains("T005") && problems.contains("T013"), "{problems}");
}

#[test]
fn list_shows_name_variants_seeds_and_tags() {
    let output = tribunal(&["list", "."]);
    assert_eq!(code(&output), 0);
    expect![[r#"
        ./tiny.toml  2 × 2  A short pause  [tiny]
    "#]]
    .assert_eq(&text(&output.stdout));
}

#[test]
fn explain_knows_codes_guarantees_settings_protocols_actions_and_words() {
    for word in [
        "T012",
        "no-acked-record-lost",
        "acks",
        "truncate-to-high-watermark",
        "cloud-3az",
        "isr",
        "fsync-lies",
        "illegal hardware",
        "exit codes",
    ] {
        let output = tribunal(&["explain", word]);
        assert_eq!(code(&output), 0, "{word}");
        assert!(text(&output.stdout).len() > 60, "{word}");
    }
    expect![[r#"
        linger.ms  Kafka setting of a producer
          How long a record may wait for others to be sent with. Value: a whole number from 0. Kafka's
          default: 5.
    "#]]
    .assert_eq(&text(&tribunal(&["explain", "linger.ms"]).stdout));
}

#[test]
fn explain_suggests_what_may_have_been_meant() {
    let output = tribunal(&["explain", "min.insync.replica"]);
    assert_eq!(code(&output), 2);
    assert_eq!(
        text(&output.stderr),
        "tribunal: nothing is called `min.insync.replica`; did you mean `min.insync.replicas`?\n"
    );
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    for arguments in
        [&["run"][..], &["run", "tiny.toml", "--seeds", "7..3"], &["runn"], &["run", "nowhere.toml"]]
    {
        assert_eq!(code(&tribunal(arguments)), 2, "{arguments:?}");
    }
    let output = tribunal(&["run", "tiny.toml", "--variant", "acks=7"]);
    assert_eq!(code(&output), 2);
    expect![[r#"
        tribunal: tiny.toml has no variant `acks=7`; there is --variant acks=1, --variant acks=all
    "#]]
    .assert_eq(&text(&output.stderr));
}

#[test]
fn run_prints_a_verdict_without_colours_into_a_pipe_and_writes_three_files() {
    let out = folder("run-files");
    let output = tribunal(&["run", "tiny.toml", "--out", shown(&out)]);
    let page = text(&output.stdout);
    assert_eq!(code(&output), 0, "{page}");
    for part in [
        "A short pause  2 variants × 2 seeds (1..2)",
        "✔ as expected: no-acked-record-lost held with acks=all in 2 of 2 seeds.\n  tiny.toml:7  holds no-acked-record-lost",
        "No acknowledged record is lost",
        "produce p50 / p99 outside faults",
        "\nreplay   tribunal replay ",
        "\nexit 0: every expectation met\n",
    ] {
        assert!(page.contains(part), "{part:?} is not in\n{page}");
    }
    assert!(!page.contains('\u{1b}'));
    assert!(page.lines().all(|line| line.chars().count() <= 100 || line.contains("run-files")), "{page}");
    for file in ["report.html", "run.json", "junit.xml"] {
        assert!(out.join(file).is_file(), "{file}");
    }
}

#[test]
fn json_is_one_document_with_every_expectation_judged() {
    let output = tribunal(&["run", "tiny.toml", "--json", "--no-report"]);
    let artifact = RunArtifact::from_json(&text(&output.stdout)).expect("an artifact");
    assert_eq!(artifact.variants.len(), 2);
    assert!(artifact.expectations.iter().all(|expectation| expectation.status == ExpectationStatus::Met));
    assert!(artifact.variants.iter().all(|variant| variant.figures.acked > 0 && variant.exhibit.is_some()));
}

#[test]
fn the_files_of_two_runs_are_identical_whatever_the_threads_do() {
    let (one, two) = (reported("twice-1", &["--jobs", "1"]), reported("twice-2", &["--jobs", "2"]));
    for file in ["report.html", "run.json", "junit.xml"] {
        let read = |folder: &Path| fs::read(folder.join(file)).expect("written");
        assert!(read(&one) == read(&two), "{file} differs");
    }
}

#[test]
fn replay_of_a_report_is_identical() {
    let out = reported("replay", &[]);
    for case in [&[][..], &["--variant", "acks=all"]] {
        for file in ["report.html", "run.json"] {
            let path = out.join(file);
            let output = tribunal(&[&["replay", shown(&path)], case].concat());
            assert_eq!(code(&output), 0, "{}", text(&output.stderr));
            assert!(text(&output.stdout).contains("replay   identical: every event is the same"), "{file}");
        }
    }
}

#[test]
fn replay_of_a_run_that_differs_says_so_and_exits_with_5() {
    let out = reported("replay-other", &[]);
    let path = out.join("run.json");
    let mut artifact =
        RunArtifact::from_json(&fs::read_to_string(&path).expect("written")).expect("an artifact");
    for exhibit in artifact.variants.iter_mut().filter_map(|variant| variant.exhibit.as_mut()) {
        exhibit.event_hash = "0".repeat(16);
    }
    fs::write(&path, artifact.to_json()).expect("written");
    let output = tribunal(&["replay", shown(&path)]);
    assert_eq!(code(&output), 5);
    assert!(text(&output.stdout).contains("replay   DIFFERENT"));
}

#[test]
fn replay_refuses_the_report_of_another_version() {
    let out = reported("replay-version", &[]);
    let path = out.join("run.json");
    let json = fs::read_to_string(&path).expect("written");
    let mut artifact = RunArtifact::from_json(&json).expect("an artifact");
    artifact.run.engine_version = "0.0.1+old".to_owned();
    fs::write(&path, artifact.to_json()).expect("written");
    let output = tribunal(&["replay", shown(&path)]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("was made by tribunal 0.0.1+old"), "{}", text(&output.stderr));
}

#[test]
fn replay_can_print_state_changes_and_every_event() {
    let log =
        |how: &str| text(&tribunal(&["replay", "tiny.toml", "--variant", "acks=1", "--log", how]).stdout);
    let short = log("short");
    assert!(short.contains("! fault nap (pause) hits broker"), "{short}");
    assert!(short.contains("== settle =="));
    assert!(log("full").lines().count() > 1_000);
}

#[test]
fn doctor_finds_two_processes_identical() {
    let output = tribunal(&["doctor", "tiny.toml", "--seeds", "1..2", "--variant", "acks=all"]);
    let answer = text(&output.stdout);
    assert_eq!(code(&output), 0, "{answer}");
    assert!(
        answer.contains("✔ identical: seed 2 with acks=all") && answer.contains("deterministic: 2 cases"),
        "{answer}"
    );
}

#[test]
fn doctor_names_the_first_event_that_differs_and_exits_with_5() {
    let output = tribunal(&["doctor", "tiny.toml", "--variant", "acks=1", "--plant-nondeterminism"]);
    let answer = text(&output.stdout);
    assert_eq!(code(&output), 5, "{answer}");
    assert!(answer.contains("✖ seed 1 with acks=1 differs first at event 1000:"), "{answer}");
    assert!(answer.contains("\n  A 1000 ") && answer.contains("\n  B 1000 "), "{answer}");
}

#[test]
fn an_expectation_that_is_not_met_exits_with_1_and_names_its_line() {
    let path = changed("not-met", "rto(nap) < 2s", "rto(nap) < 1ms");
    let output = tribunal(&["run", shown(&path), "--no-report", "--seed", "1"]);
    let page = text(&output.stdout);
    assert_eq!(code(&output), 1, "{page}");
    assert!(
        page.contains("✖ UNEXPECTED: rto(nap) was ") && page.contains("changed.toml:8  rto(nap) < 1ms"),
        "{page}"
    );
}

#[test]
fn a_fault_that_never_fires_exits_with_4() {
    let path = changed("never-fires", "at = \"1s\"", "when = \"acked >= 1000000\"");
    let source = fs::read_to_string(&path).expect("written").replace("  { that = \"rto(nap) < 2s\" },\n", "");
    fs::write(&path, source).expect("written");
    let output = tribunal(&["run", shown(&path), "--no-report", "--seed", "1"]);
    let page = text(&output.stdout);
    assert_eq!(code(&output), 4, "{page}");
    assert!(
        page.contains("? not tested: fault nap: `acked >= 1000000` was true in none of 1 seed"),
        "{page}"
    );
}

#[test]
fn junit_has_a_case_for_each_expectation_and_guarantee() {
    let path = changed("junit", "rto(nap) < 2s", "rto(nap) < 1ms");
    let junit = path.with_file_name("junit.xml");
    let output = tribunal(&[
        "run",
        shown(&path),
        "--no-report",
        "--seed",
        "1",
        "--variant",
        "acks=1",
        "--junit",
        shown(&junit),
    ]);
    assert_eq!(code(&output), 1);
    let document = fs::read_to_string(junit).expect("written");
    assert!(document.contains("name=\"rto(nap) &lt; 1ms\"") && document.contains("<failure"), "{document}");
    assert!(document.contains("name=\"changed.toml [acks=1]\""), "{document}");
}
