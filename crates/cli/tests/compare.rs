//! `manyhands compare` on small programs, as a user calls it.
//!
//! The module `manyhands` that plays our side here is a stand-in of a few lines, so that these tests fail for what the
//! command line does and not for what the engine does. It runs the program, with `OURS=1` in the environment.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const STAND_IN: &str = "
import os, runpy, sys
os.environ['OURS'] = '1'
if sys.argv[1] == '--start-method':
    os.environ['METHOD'] = sys.argv[2]
    del sys.argv[1:3]
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name='__main__')
";

fn folder(program: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("manyhands")).expect("a package");
    fs::write(folder.path().join("manyhands/__main__.py"), STAND_IN).expect("a stand-in");
    fs::write(folder.path().join("program.py"), program).expect("a program");
    folder
}

fn command(folder: &Path, options: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_manyhands"));
    command.arg("compare").args(options).arg(folder.join("program.py")).args(arguments);
    command.env("PYTHONPATH", folder).env_remove("OURS");
    command
}

fn compare(program: &str, options: &[&str]) -> (Output, String) {
    let folder = folder(program);
    let output = command(folder.path(), options, &[]).output().expect("compare runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (output, text)
}

fn row<'a>(report: &'a str, name: &str) -> &'a str {
    report
        .lines()
        .find(|line| line.starts_with(name))
        .unwrap_or_else(|| panic!("no row {name} in:\n{report}"))
}

fn is_gone(pid: &str) -> bool {
    !Path::new("/proc").join(pid.trim()).exists()
}

#[test]
fn the_same_output_is_called_so() {
    let (output, report) = compare("print('one'); print('two')", &[]);
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert!(row(&report, "output").contains("2 lines") && row(&report, "output").ends_with("the same"));
    assert!(row(&report, "time").ends_with("x as fast)"));
    assert_eq!(row(&report, "exit").split_whitespace().collect::<Vec<_>>(), ["exit", "0", "0"]);
    assert_eq!(row(&report, "left behind").matches("nothing").count(), 2);
}

#[test]
fn different_output_is_shown() {
    let (output, report) = compare("import os; print('same'); print('OURS' in os.environ)", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(row(&report, "output").ends_with("different"));
    assert!(report.contains("@@ line 2 @@\n same\n-False\n+True\n"), "{report}");
}

#[test]
fn different_endings_are_shown_with_their_reason() {
    let (output, report) = compare("import os; os.environ.get('OURS') and 1 / 0", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(row(&report, "exit").split_whitespace().collect::<Vec<_>>(), ["exit", "0", "1"]);
    assert!(report.contains("standard error of manyhands"), "{report}");
    assert!(report.contains("ZeroDivisionError"), "{report}");
}

#[test]
fn a_program_that_fails_twice_says_why_once() {
    let (output, report) = compare("raise SystemExit('no such thing')", &[]);
    assert_eq!(output.status.code(), Some(0), "both ended in the same way: {report}");
    assert!(report.ends_with("\nstandard error of both:\n  no such thing\n"), "{report}");
}

#[test]
fn output_that_is_no_text_is_measured_and_escaped() {
    let program = "
import os, sys
sys.stdout.buffer.write(b'\\xff\\0\\x1b[2J' + (b'ours' if 'OURS' in os.environ else b'plain'))
";
    let (output, report) = compare(program, &[]);
    assert_eq!(output.status.code(), Some(1));
    let row = row(&report, "output");
    assert!(row.contains("11 bytes, no text") && row.ends_with("10 bytes, no text: different"), "{report}");
    assert!(report.contains("-\u{fffd}\\u{0}\\u{1b}[2Jplain (no end of line)\n"), "{report}");
}

#[test]
fn a_program_that_reads_finds_nothing_to_read() {
    let (output, report) = compare("import sys; print(repr(sys.stdin.read()))", &["--limit", "30"]);
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert!(row(&report, "output").starts_with("output       1 line"), "{report}");
}

#[test]
fn a_signal_is_named() {
    let (output, report) = compare("import os; os.kill(os.getpid(), 9)", &[]);
    assert_eq!(output.status.code(), Some(0), "both ended in the same way: {report}");
    assert_eq!(row(&report, "exit").matches("SIGKILL").count(), 2);
}

#[test]
fn a_run_that_does_not_end_is_stopped_with_everything_it_started() {
    let program = "
import os, subprocess, sys
if 'OURS' in os.environ:
    child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], start_new_session=True)
    print(child.pid, flush=True)
    child.wait()
";
    let begun = Instant::now();
    let (output, report) = compare(program, &["--limit", "1.5"]);
    assert!(begun.elapsed() < Duration::from_secs(30), "it was not stopped in time");
    assert_eq!(output.status.code(), Some(1));
    assert!(row(&report, "exit").ends_with("stopped after 1.50 s"), "{report}");
    let pid = report.lines().find_map(|line| line.strip_prefix('+')?.parse::<u32>().ok());
    assert!(is_gone(&pid.expect("the program told its child").to_string()), "{report}");
}

#[test]
fn a_process_left_behind_is_named_and_ended() {
    let program = "
import os, subprocess, sys
if 'OURS' in os.environ:
    quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], **quiet)
    open(os.path.join(os.path.dirname(__file__), 'pid'), 'w').write(str(child.pid))
";
    let folder = folder(program);
    let output = command(folder.path(), &[], &[]).output().expect("compare runs");
    let report = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(row(&report, "left behind").ends_with("1 process"), "{report}");
    let pid = fs::read_to_string(folder.path().join("pid")).expect("the program noted its child");
    let named = report.lines().find(|line| line.starts_with("manyhands left behind")).expect("it is named");
    assert!(named.contains(&pid) && named.contains("signal.pause()"), "{named}");
    assert!(is_gone(&pid), "{pid} lives on");
}

#[test]
fn nobody_else_is_ended() {
    // A bystander that is a sibling of compare, and one that compare's own caller handed down by exec.
    let folder = folder("print('done')");
    let mut bystander = Command::new("sleep").arg("600").spawn().expect("a bystander");
    let script = format!(
        "sleep 600 >/dev/null 2>&1 & echo $! > {pid}; exec {compare} compare {program}",
        pid = folder.path().join("pid").display(),
        compare = env!("CARGO_BIN_EXE_manyhands"),
        program = folder.path().join("program.py").display(),
    );
    let output = Command::new("sh").args(["-c", &script]).env("PYTHONPATH", folder.path()).output();
    let output = output.expect("compare runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(bystander.try_wait().expect("it can be asked").is_none(), "a stranger was ended");
    let pid = fs::read_to_string(folder.path().join("pid")).expect("the shell noted its child");
    assert!(!is_gone(&pid), "a child from before the run was ended");
    Command::new("kill").arg(pid.trim()).status().expect("kill runs");
    bystander.kill().expect("ours to end");
    bystander.wait().expect("it has ended");
}

#[test]
fn an_interrupt_ends_what_was_started() {
    let program = "
import os, signal
open(os.path.join(os.path.dirname(__file__), 'pid'), 'w').write(str(os.getpid()))
os.rename(os.path.join(os.path.dirname(__file__), 'pid'), os.path.join(os.path.dirname(__file__), 'ready'))
signal.pause()
";
    let folder = folder(program);
    let mut compare = command(folder.path(), &[], &[]).process_group(0).spawn().expect("compare runs");
    let ready = folder.path().join("ready");
    let give_up = Instant::now() + Duration::from_secs(30);
    while !ready.exists() {
        assert!(Instant::now() < give_up, "the program never started");
        std::thread::sleep(Duration::from_millis(5));
    }
    let interrupt = Command::new("kill").args(["-INT", &compare.id().to_string()]).status();
    assert!(interrupt.expect("kill runs").success());
    assert_eq!(compare.wait().expect("it ends").code(), Some(130));
    assert!(is_gone(&fs::read_to_string(ready).expect("a pid")));
}

#[test]
fn arguments_and_start_method_reach_the_program() {
    let folder = folder("import os, sys; print(sys.argv[1:], os.environ.get('METHOD'))");
    let output = command(folder.path(), &["--start-method", "spawn"], &["--limit", "x y"]).output();
    let report = String::from_utf8(output.expect("compare runs").stdout).expect("text");
    assert!(report.contains("-['--limit', 'x y'] None\n+['--limit', 'x y'] spawn\n"), "{report}");
}

#[test]
fn an_interpreter_that_is_not_there_is_named() {
    let folder = folder("");
    let output =
        command(folder.path(), &["--python", "/nowhere/python"], &[]).output().expect("compare runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/python could not be run"));
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    let folder = folder("");
    let missing = folder.path().join("missing.py");
    for program in
        [&[missing.to_str().expect("a path")][..], &["-m", "missing_module"], &["-m", "missing.module"]]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_manyhands"));
        let output = command.arg("compare").args(program).output().expect("compare runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{program:?}: {said}");
        assert!(said.contains("nothing to compare") && said.contains("missing"), "{said}");
    }
}

#[test]
fn a_program_that_fails_in_the_words_of_the_interpreter_is_compared() {
    let program = "import sys; print('began'); sys.exit('x: No module named y')";
    assert_eq!(compare(program, &[]).0.status.code(), Some(0));
}
