//! The comparison as text: one column for plain python, one for manyhands.
//!
//! It says what was seen and nothing more: each program ran once, so the times are two measurements and not a
//! benchmark. Standard error is shown only where it explains something: when a program failed.

use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use crate::difference::{self, printable};
use crate::supervise::{Ending, Outcome};
use crate::verdict::Comparison;

const NAMES: [&str; 2] = ["plain python", "manyhands"];
const STDERR_LINES: usize = 15;

/// The whole report.
pub fn text(comparison: &Comparison) -> String {
    let runs = [&comparison.plain, &comparison.ours];
    let difference = difference::excerpt(NAMES, &runs[0].stdout, &runs[1].stdout);
    let verdict = if difference.is_none() { "the same" } else { "different" };
    let mut text = String::new();
    let mut row = |name: &str, plain: &str, ours: &str| {
        let _ = writeln!(text, "{}", format!("{name:13}{plain:24}{ours}").trim_end());
    };
    row("", NAMES[0], NAMES[1]);
    row("output", &size(&runs[0].stdout), &format!("{}: {verdict}", size(&runs[1].stdout)));
    row("exit", &exit(runs[0], comparison.limit), &exit(runs[1], comparison.limit));
    row("time", &seconds(runs[0].elapsed), &format!("{}{}", seconds(runs[1].elapsed), ratio(runs)));
    row("left behind", &count(runs[0]), &count(runs[1]));

    for (name, run) in NAMES.into_iter().zip(runs) {
        for process in &run.left_behind {
            let _ = writeln!(text, "\n{name} left behind, ended now: {} {}", process.pid, process.command);
        }
    }
    if let Some(difference) = difference {
        let _ = write!(text, "\n{difference}");
    }
    if runs.iter().any(|run| !run.status.success() || run.ending != Ending::Own) {
        if runs[0].stderr == runs[1].stderr {
            text.push_str(&last_words("both", &runs[0].stderr));
        } else {
            for (name, run) in NAMES.into_iter().zip(runs) {
                text.push_str(&last_words(name, &run.stderr));
            }
        }
    }
    text
}

/// How a program ended, for people: `0`, `1`, `SIGKILL`.
fn status(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => code.to_string(),
        (None, Some(signal)) => signal_hook::low_level::signal_name(signal)
            .map_or_else(|| format!("signal {signal}"), ToOwned::to_owned),
        (None, None) => "unknown".to_owned(),
    }
}

fn exit(run: &Outcome, limit: Duration) -> String {
    match run.ending {
        Ending::Own => status(run.status),
        Ending::Limit => format!("stopped after {}", seconds(limit)),
        Ending::Interrupt => "interrupted".to_owned(),
    }
}

fn size(output: &[u8]) -> String {
    if std::str::from_utf8(output).is_err() {
        return format!("{} bytes, no text", output.len());
    }
    // The last one may lack its end.
    match output.split_inclusive(|byte| *byte == b'\n').count() {
        0 => "nothing".to_owned(),
        1 => "1 line".to_owned(),
        lines => format!("{lines} lines"),
    }
}

fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1.0 { format!("{seconds:.3} s") } else { format!("{seconds:.2} s") }
}

/// The ratio of the two times, where both programs came to their own end.
fn ratio(runs: [&Outcome; 2]) -> String {
    if runs.iter().any(|run| run.ending != Ending::Own) {
        return String::new();
    }
    let ratio = runs[0].elapsed.as_secs_f64() / runs[1].elapsed.as_secs_f64();
    format!(" ({ratio:.2}x as fast)")
}

fn count(run: &Outcome) -> String {
    match run.left_behind.len() {
        _ if run.ending != Ending::Own => "-".to_owned(),
        0 => "nothing".to_owned(),
        1 => "1 process".to_owned(),
        many => format!("{many} processes"),
    }
}

fn last_words(name: &str, stderr: &[u8]) -> String {
    let lines: Vec<String> =
        stderr.split_inclusive(|byte| *byte == b'\n').map(|line| printable(line.trim_ascii_end())).collect();
    if lines.is_empty() {
        return String::new();
    }
    let left_out = lines.len().saturating_sub(STDERR_LINES);
    let heading = match left_out {
        0 => format!("\nstandard error of {name}:\n"),
        _ => format!("\nstandard error of {name}, without its first {left_out} lines:\n"),
    };
    lines[left_out..].iter().fold(heading, |text, line| format!("{text}  {line}\n"))
}
