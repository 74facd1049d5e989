//! `examples/rust/hosts.rs` on two hosts, in the small: two networks with a cable between them, where the system lets a
//! user make them, or else two loopback addresses. Two programs that have no engine in common are asked by strangers,
//! left by a worker, and kept waiting by hosts that say nothing; the work is done all the same.
//!
//! Which kind of hosts it was is written to standard error. Every process is ended by the value that started it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs, thread};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

mod built;
mod until;
use until::until;

const LIMIT: Duration = Duration::from_secs(60);
const KEY: &str = "a secret of both";
/// What a stranger is asked to do, for the test of that name.
const STRANGER: &str = "MANYHANDS_TEST_STRANGER";

/// A program that ends with this value, if it has not before.
struct Program {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Program {
    fn start(command: &mut Command) -> Program {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Program { child, lines }
    }

    /// The next line that it prints; `None` if it ends before.
    fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(LIMIT) {
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("no line came in {LIMIT:?}"),
            line => line.ok(),
        }
    }

    /// Whether it ended well, and what it wrote to standard error.
    fn end(&mut self) -> (bool, String) {
        until("a program to end", || self.child.try_wait().unwrap().is_some());
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (self.child.wait().unwrap().success(), errors)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A place with a network address of its own, in which programs run.
struct Host {
    address: &'static str,
    /// The program in whose network namespace the others run.
    network: Option<Program>,
}

impl Host {
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let Some(network) = &self.network else { return Command::new(program) };
        let mut command = Command::new("nsenter");
        command.args(["--preserve-credentials", "-U", "-n", "-t", &network.child.id().to_string()]);
        command.arg(program);
        command
    }

    /// Has `ip` change the host's network.
    fn ip(&self, arguments: &str) -> Option<()> {
        let done = self.command("ip").args(arguments.split(' ')).output().ok()?;
        done.status.success().then_some(())
    }

    fn hosts(&self, role: &str, key: &str, place: [&str; 3]) -> Program {
        Program::start(
            self.command(built::example("hosts", "hosts")).arg(role).args(place).env("HOSTS_KEY", key),
        )
    }

    fn stranger(&self, does: &str, [address, port, _]: [&str; 3]) -> Program {
        let mut command = self.command(env::current_exe().unwrap());
        command.args(["--exact", "a_stranger", "--nocapture"]);
        Program::start(command.env(STRANGER, format!("{does} {address}:{port}")))
    }
}

/// A program in a fresh network namespace, as soon as it is there. It ends when its input does, so with this process.
fn network(command: &mut Command) -> Option<Program> {
    let mut program = Program::start(command.arg("cat"));
    writeln!(program.child.stdin.as_mut()?, "there").ok()?;
    (program.line()? == "there").then_some(program)
}

fn two_networks() -> Option<[Host; 2]> {
    let installed = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    if !["unshare", "nsenter"].into_iter().all(installed) || Command::new("ip").arg("-V").output().is_err() {
        return None;
    }
    let one = Host {
        address: "10.77.0.1",
        network: Some(network(Command::new("unshare").args(["--user", "--map-root-user", "--net"]))?),
    };
    let other = Host { address: "10.77.0.2", network: Some(network(one.command("unshare").arg("--net"))?) };
    let its = other.network.as_ref()?.child.id();
    one.ip(&format!("link add cable type veth peer name cable netns {its}"))?;
    for host in [&one, &other] {
        host.ip(&format!("address add {}/24 dev cable", host.address))?;
        host.ip("link set cable up")?;
    }
    Some([one, other])
}

fn two_hosts() -> [Host; 2] {
    let (hosts, kind) = match two_networks() {
        Some(hosts) => (hosts, "two network namespaces with a cable between them"),
        None => {
            let at = |address| Host { address, network: None };
            ([at("127.0.0.1"), at("127.0.0.2")], "two loopback addresses")
        }
    };
    // Not by `eprintln`, which the test harness keeps to itself.
    let _ = writeln!(std::io::stderr(), "hosts: {kind}");
    hosts
}

/// The counter that both hosts write.
struct Counter(String);

impl Counter {
    fn new() -> Counter {
        let path = env::temp_dir().join(format!("manyhands-hosts-{}", std::process::id()));
        fs::write(&path, "0").unwrap();
        Counter(path.to_str().unwrap().to_owned())
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn two_hosts_do_their_work_among_strangers() {
    let [one, other] = two_hosts();
    let counter = Counter::new();
    let mut serving = one.hosts("serve", KEY, [one.address, "0", &counter.0]);
    let bound = serving.line().expect("an address and a port");
    let (address, port) = bound.split_once(' ').unwrap();
    assert_eq!(address, one.address);
    let place = [address, port, &counter.0];

    let hanging = ["hang", "hang", "hang"].map(|does| other.stranger(does, place));
    for stranger in &hanging {
        until("a stranger to be connected", || stranger.line().unwrap().ends_with("connected"));
    }
    for does in ["garbage", "long", "leave"] {
        let mut stranger = other.stranger(does, place);
        until("the connection to end", || stranger.line().unwrap().ends_with("over"));
        assert!(stranger.end().0, "{does}");
    }
    let mut guessing = other.hosts("work", "a guess", place);
    let (succeeded, errors) = guessing.end();
    assert!(!succeeded && errors.contains("the other host does not know the key"), "{errors}");

    let mut working = other.hosts("work", KEY, place);
    assert_eq!(working.end(), (true, String::new()));
    assert_eq!(
        serving.line().unwrap(),
        "20 answers, their sum is 2470; counted in the file: 200",
        "the task of the host that left was done by the other"
    );
    for mut stranger in hanging {
        assert!(stranger.child.try_wait().unwrap().is_none(), "it hung all the time");
    }
    let (succeeded, errors) = serving.end();
    assert!(succeeded);
    for reason in ["does not know the key", "message is too long", "has gone"] {
        assert!(errors.contains(reason), "{reason}: {errors}");
    }
}

#[test]
fn without_arguments_the_program_plays_both_hosts() {
    let mut alone = Program::start(&mut Command::new(built::example("hosts", "hosts")));
    assert_eq!(alone.line().unwrap(), "20 answers, their sum is 2470; counted in the file: 200");
    assert_eq!(alone.line().unwrap(), "the hosts ended: exit status: 0, exit status: 0");
    assert_eq!(alone.end(), (true, String::new()));
}

/// Proves that it knows the key, by another program than the example's.
fn introduce(stream: &mut TcpStream) {
    let (own, mut others) = ([7; 32], [0; 64]);
    stream.write_all(&own).unwrap();
    stream.read_exact(&mut others[..32]).unwrap();
    let mut proof = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    [&b"work"[..], &own[..], &others[..32]].into_iter().for_each(|part| proof.update(part));
    stream.write_all(&proof.finalize().into_bytes()).unwrap();
    stream.read_exact(&mut others[32..]).unwrap();
}

/// Not a test unless it was started as a stranger.
#[test]
fn a_stranger() {
    let Ok(asked) = env::var(STRANGER) else { return };
    let (does, address) = asked.split_once(' ').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    match does {
        "hang" => {
            println!("\nconnected");
            // Until the test ends it.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            return;
        }
        "garbage" => stream.write_all(&b"GET / HTTP/1.1\r\n\r\n".repeat(100)).unwrap(),
        "long" => {
            introduce(&mut stream);
            stream.write_all(&u32::MAX.to_be_bytes()).unwrap();
        }
        "leave" => {
            introduce(&mut stream);
            let request = br#"{"answer":null}"#;
            stream.write_all(&(request.len() as u32).to_be_bytes()).unwrap();
            stream.write_all(request).unwrap();
            let mut length = [0; 4];
            stream.read_exact(&mut length).unwrap();
            stream.read_exact(&mut vec![0; u32::from_be_bytes(length) as usize]).unwrap();
            println!("\nover");
            return;
        }
        other => panic!("{other}"),
    }
    // The other side has ended the connection: in good order, or because there was more than it had read.
    let end = stream.read_to_end(&mut Vec::new());
    assert!(end.is_ok() || end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
    println!("\nover");
}
