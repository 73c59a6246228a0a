//! A disk of real files does what the model in memory does, and what a crash needs.

use proptest::prelude::*;

use super::*;
use crate::storage::conformance;
use crate::storage::mem::MemoryDisk;

fn file(directory: &str, name: &str) -> FileName {
    FileName::new(&Arc::from(directory), name)
}

fn disk(name: &str) -> (PathBuf, FileDisk) {
    let root = test_folder(name);
    let disk = FileDisk::new(&root, |_| ());
    (root, disk)
}

/// Performs an operation in a runtime of its own.
fn perform(disk: &FileDisk, op: DiskOp) -> DiskOutcome {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(disk.execute(op))
}

fn append(name: &FileName, bytes: &'static [u8]) -> DiskOp {
    DiskOp::Append { file: name.clone(), parts: vec![Bytes::from_static(bytes)] }
}

fn read_all(disk: &FileDisk, name: &FileName) -> DiskOutcome {
    perform(disk, DiskOp::Read { file: name.clone(), position: 0, length: u64::MAX })
}

#[test]
fn what_was_written_is_there_for_the_next_process() {
    let (root, disk) = disk("disk-next-process");
    let name = file("orders-0", "a.log");
    perform(&disk, append(&name, b"one")).expect("written");
    perform(&disk, append(&name, b"two")).expect("written");
    drop(disk);
    let next = FileDisk::new(&root, |_| ());
    assert_eq!(read_all(&next, &name), Ok(DiskDone::Read(Bytes::from_static(b"onetwo"))));
}

#[test]
fn thousands_of_parts_are_one_append() {
    let (_, disk) = disk("disk-parts");
    let name = file("orders-0", "a.log");
    let parts: Vec<Bytes> =
        (0..3000_u32).map(|part| Bytes::copy_from_slice(&part.to_be_bytes()[..part as usize % 5])).collect();
    let whole: Vec<u8> = parts.iter().flatten().copied().collect();
    perform(&disk, DiskOp::Append { file: name.clone(), parts }).expect("written");
    assert_eq!(read_all(&disk, &name), Ok(DiskDone::Read(whole.into())));
}

#[test]
fn few_files_stay_open_and_every_one_can_be_used() {
    let (_, disk) = disk("disk-handles");
    let names: Vec<FileName> =
        (0..3 * handles::COUNT_MAX).map(|part| file(&format!("t-{part}"), "a")).collect();
    for _ in 0..2 {
        for name in &names {
            perform(&disk, append(name, b"x")).expect("written");
        }
    }
    assert_eq!(disk.0.handles.borrow().count(), handles::COUNT_MAX);
    for name in &names {
        assert_eq!(read_all(&disk, name), Ok(DiskDone::Read(Bytes::from_static(b"xx"))));
    }
}

#[test]
fn a_replaced_file_is_the_new_one_even_if_the_old_one_was_open() {
    let (_, disk) = disk("disk-replace");
    let name = file("orders-0", "checkpoint");
    perform(&disk, append(&name, b"old")).expect("written");
    let content = Bytes::from_static(b"new content");
    perform(&disk, DiskOp::Replace { file: name.clone(), content: content.clone() }).expect("replaced");
    assert_eq!(read_all(&disk, &name), Ok(DiskDone::Read(content)));
    perform(&disk, append(&name, b"!")).expect("written");
    assert_eq!(read_all(&disk, &name), Ok(DiskDone::Read(Bytes::from_static(b"new content!"))));
}

#[test]
fn what_a_crash_left_aside_is_no_file() {
    let (root, disk) = disk("disk-aside");
    let name = file("orders-0", "checkpoint");
    perform(&disk, append(&name, b"old")).expect("written");
    File::create(root.join("orders-0").join(format!("checkpoint{ASIDE}"))).expect("created");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let listed = runtime.block_on(disk.list("orders-0"));
    assert_eq!(listed, Ok(vec![("checkpoint".to_owned(), 3)]));
}

#[test]
fn an_error_is_told_in_the_systems_words() {
    let told = Rc::new(RefCell::new(Vec::new()));
    let hear = told.clone();
    let root = test_folder("disk-trouble");
    let disk = FileDisk::new(&root, move |words| hear.borrow_mut().push(words.to_owned()));
    File::create(root.join("orders-0")).expect("a file where a directory should be");
    assert_eq!(perform(&disk, append(&file("orders-0", "a.log"), b"x")), Err(DiskError::Io));
    let told = told.borrow();
    assert!(told.len() == 1 && told[0].starts_with("cannot write "), "{told:?}");
}

#[test]
fn it_keeps_the_contract_of_every_disk() {
    let (_, disk) = disk("disk-conformance");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(conformance::operations(&disk));
}

#[test]
fn the_next_process_finds_what_must_stay() {
    let (root, disk) = disk("disk-conformance-next");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(conformance::before_power_loss(&disk));
    drop(disk);
    runtime.block_on(conformance::after_power_loss(&FileDisk::new(&root, |_| ())));
}

/// Bytes that fill more than a lent range has at least.
fn many(byte: u8) -> Bytes {
    vec![byte; 100_000].into()
}

#[cfg(target_os = "linux")]
mod lent {
    use std::os::unix::fs::FileExt;

    use super::super::lending::{COUNT_MAX, LENT_BYTES_MIN};
    use super::*;
    use crate::file_range::FileRange;

    fn lend(disk: &FileDisk, name: &FileName, position: u64, length: u64) -> FileRange {
        let read = DiskOp::ReadToSend { file: name.clone(), position, length, search: None };
        match perform(disk, read) {
            Ok(DiskDone::InFile(range)) => range,
            outcome => panic!("nothing was lent: {outcome:?}"),
        }
    }

    fn content(range: &FileRange) -> Bytes {
        let mut bytes = vec![0; range.length()];
        range.file().read_exact_at(&mut bytes, range.position()).expect("the bytes are there");
        bytes.into()
    }

    fn with_file(test: &str) -> (FileDisk, FileName) {
        let (_, disk) = disk(test);
        let name = file("orders-0", "a.log");
        perform(&disk, DiskOp::Append { file: name.clone(), parts: vec![many(1)] }).expect("written");
        (disk, name)
    }

    #[test]
    fn many_bytes_are_lent_up_to_the_end_of_the_file_and_few_are_read() {
        let (disk, name) = with_file("disk-lent");
        let range = lend(&disk, &name, 10, 500_000);
        assert_eq!((range.position(), range.length()), (10, 99_990));
        for (position, length) in [(0, LENT_BYTES_MIN - 1), (99_000, 50_000)] {
            let read = DiskOp::Read { file: name.clone(), position, length };
            let to_send = DiskOp::ReadToSend { file: name.clone(), position, length, search: None };
            assert_eq!(perform(&disk, to_send), perform(&disk, read));
        }
    }

    #[test]
    fn no_more_ranges_are_lent_than_may_keep_files_open() {
        let (disk, name) = with_file("disk-lent-count");
        let mut lent: Vec<FileRange> = (0..COUNT_MAX).map(|_| lend(&disk, &name, 0, 100_000)).collect();
        let one_more = DiskOp::ReadToSend { file: name.clone(), position: 0, length: 100_000, search: None };
        assert_eq!(perform(&disk, one_more), Ok(DiskDone::Read(many(1))));
        lent.pop();
        lent.push(lend(&disk, &name, 0, 100_000));
    }

    #[test]
    fn what_was_lent_stays_as_it_is_whatever_happens_to_the_file() {
        let (directory, new): (Arc<str>, Arc<str>) = (Arc::from("orders-0"), Arc::from("b.log"));
        let changes: [fn(FileName) -> DiskOp; 5] = [
            |file| DiskOp::Truncate { file, length: 50_001 },
            |file| DiskOp::Truncate { file, length: 0 },
            |file| DiskOp::Delete { file },
            |file| DiskOp::Replace { file, content: many(3) },
            |file| DiskOp::Append { file, parts: vec![many(4)] },
        ];
        let renamed = |name: &FileName| DiskOp::Rename { file: name.clone(), to: new.clone() };
        let removed = || DiskOp::RemoveDirectory { directory: directory.clone() };
        for which in 0..changes.len() + 2 {
            let (disk, name) = with_file("disk-lent-changes");
            let range = lend(&disk, &name, 1, 100_000);
            let op = changes.get(which).map(|change| change(name.clone()));
            let op = op.unwrap_or_else(|| if which == changes.len() { renamed(&name) } else { removed() });
            perform(&disk, op.clone()).expect("changed");
            perform(&disk, DiskOp::Append { file: name, parts: vec![many(2)] }).expect("written");
            assert_eq!(content(&range), many(1)[1..], "{op}");
        }
    }

    #[test]
    fn a_file_is_cut_in_place_unless_bytes_behind_the_cut_were_lent() {
        for (lent, in_place) in [(60_000, true), (60_001, false)] {
            let (disk, name) = with_file("disk-lent-cut");
            let before = lend(&disk, &name, 0, lent);
            perform(&disk, DiskOp::Truncate { file: name.clone(), length: 60_000 }).expect("cut");
            assert_eq!(read_all(&disk, &name), Ok(DiskDone::Read(many(1).slice(..60_000))));
            assert_eq!(before.file().metadata().expect("a file").len() == 60_000, in_place);
            // What is lent from now on may be cut in place again.
            let after = lend(&disk, &name, 0, 50_000);
            perform(&disk, DiskOp::Truncate { file: name.clone(), length: 55_000 }).expect("cut");
            assert_eq!(after.file().metadata().expect("a file").len() == 55_000, !in_place);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(u8, u8, Vec<Vec<u8>>),
    Read(u8, u8, u64, u64),
    Truncate(u8, u8, u64),
    Replace(u8, u8, Vec<u8>),
    Sync(u8, u8),
    Delete(u8, u8),
}

impl Step {
    fn op(&self) -> DiskOp {
        let name = |directory: &u8, name: &u8| file(&format!("topic-{directory}"), &format!("{name}.log"));
        match self {
            Step::Append(directory, file, parts) => {
                let parts = parts.iter().map(|part| Bytes::from(part.clone())).collect();
                DiskOp::Append { file: name(directory, file), parts }
            }
            Step::Read(directory, file, position, length) => {
                DiskOp::Read { file: name(directory, file), position: *position, length: *length }
            }
            Step::Truncate(directory, file, length) => {
                DiskOp::Truncate { file: name(directory, file), length: *length }
            }
            Step::Replace(directory, file, content) => {
                DiskOp::Replace { file: name(directory, file), content: content.clone().into() }
            }
            Step::Sync(directory, file) => DiskOp::Sync { file: name(directory, file) },
            Step::Delete(directory, file) => DiskOp::Delete { file: name(directory, file) },
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let (directory, file) = (0..2_u8, 0..2_u8);
    let bytes = || prop::collection::vec(any::<u8>(), 0..20);
    let at = || 0..40_u64;
    prop_oneof![
        4 => (directory.clone(), file.clone(), prop::collection::vec(bytes(), 0..4))
            .prop_map(|(directory, file, parts)| Step::Append(directory, file, parts)),
        2 => (directory.clone(), file.clone(), at(), at())
            .prop_map(|(directory, file, position, length)| Step::Read(directory, file, position, length)),
        1 => (directory.clone(), file.clone(), at())
            .prop_map(|(directory, file, length)| Step::Truncate(directory, file, length)),
        1 => (directory.clone(), file.clone(), bytes())
            .prop_map(|(directory, file, content)| Step::Replace(directory, file, content)),
        1 => (directory.clone(), file.clone()).prop_map(|(directory, file)| Step::Sync(directory, file)),
        1 => (directory, file).prop_map(|(directory, file)| Step::Delete(directory, file)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn real_files_answer_as_the_model_does(steps in prop::collection::vec(step(), 1..40)) {
        let (_, disk) = disk("disk-model");
        let model = MemoryDisk::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for step in &steps {
            let (real, expected) = (runtime.block_on(disk.execute(step.op())), model.perform(step.op()));
            prop_assert_eq!(real, expected, "{:?}", step);
        }
        prop_assert_eq!(disk.sync_all(), Ok(()));
        runtime.block_on(async {
            prop_assert_eq!(disk.directories().await, model.directories().await);
            for directory in ["topic-0", "topic-1", "topic-2"] {
                prop_assert_eq!(disk.list(directory).await, model.list(directory).await);
            }
            Ok(())
        })?;
    }
}
