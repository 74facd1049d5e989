//! The same program on two hosts, which talk through sockets, and through a file.
//!
//! Queues, locks and values of this crate stand in the memory of one machine, and it has no server for a network. So
//! between the hosts there is the standard library here: a socket, messages of serde types, and a proof on either side
//! that it knows the key, a secret of both. Within the host that serves the crate is of use again: its queues join what
//! the connections bring.
//!
//! A host that works asks for a task, and brings the answer when it asks for the next. The task of a host that is gone,
//! or silent for a minute, goes to another. A file that several hosts write needs the file system's own lock.
//!
//! ```text
//! HOSTS_KEY=secret hosts serve 192.168.0.1 5000 /shared/counter
//! HOSTS_KEY=secret hosts work 192.168.0.1 5000 /shared/counter
//! ```
//!
//! Without arguments the program plays two hosts on this machine, each at a loopback address of its own. Nothing is
//! encrypted, and after the proofs nothing is signed: on a network that others use, a tunnel is needed.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use hmac::{Hmac, KeyInit, Mac};
use manyhands::{GetError, InProcess, Queue, Sender};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

const TASKS: usize = 20;
const ROUNDS: usize = 100;

/// How long the proofs may take, and how long the other side may be silent afterwards.
const INTRODUCTION: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(60);
/// No message has more bytes, and no more connections are open at a time.
const LONGEST: usize = 64 << 10;
const CONNECTIONS: usize = 64;

#[derive(Serialize, Deserialize)]
struct Request {
    /// The answer to the task that this host had, if it had one.
    answer: Option<u64>,
}

#[derive(Serialize, Deserialize)]
enum Reply {
    Task(u64),
    /// There is none now; ask again.
    Later,
    Done,
}

/// What the connections of the host that serves tell its main thread.
enum News {
    Joined,
    Answer(u64),
    Left,
}

/// Fills `room` from the other host, which has until `deadline`, however slowly it sends.
fn read_by(stream: &mut TcpStream, room: &mut [u8], deadline: Instant) -> io::Result<()> {
    let mut filled = 0;
    while filled < room.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(ErrorKind::TimedOut, "the other host was silent for too long"));
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut room[filled..]) {
            Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the other host has gone")),
            Ok(count) => filled += count,
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn send(stream: &mut TcpStream, message: &impl Serialize) -> io::Result<()> {
    let content = serde_json::to_vec(message)?;
    let mut bytes = (content.len() as u32).to_be_bytes().to_vec();
    bytes.extend(content);
    stream.write_all(&bytes)
}

fn receive<T: DeserializeOwned>(stream: &mut TcpStream) -> io::Result<T> {
    let deadline = Instant::now() + SILENCE;
    let mut length = [0; 4];
    read_by(stream, &mut length, deadline)?;
    // Before there is any memory for it.
    let length = u32::from_be_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::Error::new(ErrorKind::InvalidData, "the other host's message is too long"));
    }
    let mut content = vec![0; length];
    read_by(stream, &mut content, deadline)?;
    Ok(serde_json::from_slice(&content)?)
}

/// What only one who knows the key can make of two challenges, and only in this role.
fn proof(key: &[u8], role: &str, own: &[u8], others: &[u8]) -> Hmac<Sha256> {
    let mut proof = Hmac::new_from_slice(key).expect("a key may have any length");
    [role.as_bytes(), own, others].into_iter().for_each(|part| proof.update(part));
    proof
}

/// Each side sends the other a fresh random number, and proves that it knows the key. The roles differ, so that nobody
/// can send a host its own proof back.
fn introduce(stream: &mut TcpStream, key: &[u8], role: &str, others_role: &str) -> io::Result<()> {
    let deadline = Instant::now() + INTRODUCTION;
    stream.set_write_timeout(Some(INTRODUCTION))?;
    stream.set_nodelay(true)?;
    let (mut own, mut others, mut others_proof) = ([0; 32], [0; 32], [0; 32]);
    getrandom::fill(&mut own).map_err(io::Error::other)?;
    stream.write_all(&own)?;
    read_by(stream, &mut others, deadline)?;
    stream.write_all(&proof(key, role, &own, &others).finalize().into_bytes())?;
    read_by(stream, &mut others_proof, deadline)?;
    // Takes as long for a wrong first byte as for a wrong last one.
    let verified = proof(key, others_role, &others, &own).verify_slice(&others_proof);
    verified.map_err(|_| io::Error::new(ErrorKind::PermissionDenied, "the other host does not know the key"))
}

/// Gives one host tasks until there are none. `taken` is the one that it has.
fn give(
    stream: &mut TcpStream,
    tasks: &Queue<u64, InProcess>,
    news: &Sender<News, InProcess>,
    taken: &mut Option<u64>,
) -> Result<(), Box<dyn Error>> {
    loop {
        let Request { answer } = receive(stream)?;
        if answer.is_some() != taken.take().is_some() {
            return Err("the other host answers what it was not asked".into());
        }
        answer.map_or(Ok(()), |answer| news.put(News::Answer(answer)))?;
        let reply = match tasks.get_timeout(SILENCE / 4) {
            Ok(task) => Reply::Task(*taken.insert(task)),
            Err(GetError::Empty { .. }) => Reply::Later,
            Err(_) => Reply::Done,
        };
        send(stream, &reply)?;
        if matches!(reply, Reply::Done) {
            return Ok(());
        }
    }
}

/// One connection, in a thread of its own: one that hangs keeps nobody else waiting.
fn connection(
    mut stream: TcpStream,
    key: &[u8],
    tasks: &Queue<u64, InProcess>,
    news: &Sender<News, InProcess>,
) -> Result<(), Box<dyn Error>> {
    introduce(&mut stream, key, "serve", "work")?;
    news.put(News::Joined)?;
    let mut taken = None;
    let end = give(&mut stream, tasks, news, &mut taken);
    // Another host does what this one left.
    taken.map_or(Ok(()), |task| tasks.put(task))?;
    news.put(News::Left)?;
    end
}

fn listen(listener: &TcpListener, key: &[u8], tasks: &Queue<u64, InProcess>, news: &Sender<News, InProcess>) {
    // Each connection has a clone.
    let open = Arc::new(());
    loop {
        let Ok((stream, from)) = listener.accept() else {
            // For want of descriptors, perhaps: some will come back.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        if Arc::strong_count(&open) > CONNECTIONS {
            continue;
        }
        let (open, key, tasks, news) = (open.clone(), key.to_vec(), tasks.clone(), news.clone());
        let serve = move || {
            if let Err(error) = connection(stream, &key, &tasks, &news) {
                eprintln!("{from}: {error}");
            }
            drop(open);
        };
        let _ = thread::Builder::new().name(format!("connection {from}")).spawn(serve);
    }
}

fn serve(address: &str, port: u16, path: &str, key: Vec<u8>) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((address, port))?;
    let bound = listener.local_addr()?;
    println!("{} {}", bound.ip(), bound.port());
    let tasks = Queue::in_process();
    (0..TASKS as u64).try_for_each(|number| tasks.put(number))?;
    let (sender, news) = Queue::channel_in_process();
    thread::spawn({
        let tasks = tasks.clone();
        move || listen(&listener, &key, &tasks, &sender)
    });
    count_in(path)?;
    let (mut answers, mut workers) = (Vec::new(), 0);
    while answers.len() < TASKS || workers > 0 {
        match news.get()? {
            News::Joined => workers += 1,
            News::Left => workers -= 1,
            News::Answer(answer) => {
                answers.push(answer);
                if answers.len() == TASKS {
                    tasks.close();
                }
            }
        }
    }
    let (sum, counted) = (answers.iter().sum::<u64>(), fs::read_to_string(path)?);
    println!("{} answers, their sum is {sum}; counted in the file: {counted}", answers.len());
    Ok(())
}

fn work(address: &str, port: u16, path: &str, key: &[u8]) -> Result<(), Box<dyn Error>> {
    let server = (address, port).to_socket_addrs()?.next().ok_or("the address leads nowhere")?;
    let mut stream = TcpStream::connect_timeout(&server, INTRODUCTION)?;
    introduce(&mut stream, key, "work", "serve")?;
    count_in(path)?;
    let mut answer = None;
    loop {
        send(&mut stream, &Request { answer })?;
        answer = match receive(&mut stream)? {
            Reply::Task(number) => Some(number * number),
            Reply::Later => None,
            Reply::Done => return Ok(()),
        };
    }
}

/// Adds 1 to the number in a file, some times, with the lock that also holds between hosts.
///
/// On Linux `File::lock` is `flock`. On a local disk it holds between the processes of a host. On NFS the client makes
/// it a lock of the server's, unless the file system was mounted with `nolock` or `local_lock`. On a local disk it does
/// not see the locks of `fcntl.lockf`, so all programs must use the same kind.
fn count_in(path: &str) -> Result<(), Box<dyn Error>> {
    for _ in 0..ROUNDS {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        file.lock()?;
        let number: u64 = io::read_to_string(&file)?.trim().parse()?;
        file.rewind()?;
        write!(file, "{}", number + 1)?;
        // The lock goes with the file.
    }
    Ok(())
}

/// A file that goes with this value.
struct Temporary(String);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Two programs that have no memory and no address in common.
fn play() -> Result<(), Box<dyn Error>> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    let key: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = env::temp_dir().join(format!("hosts-{}-{}", std::process::id(), &key[..8]));
    let counter =
        Temporary(path.into_os_string().into_string().map_err(|_| "the folder has a strange name")?);
    fs::write(&counter.0, "0")?;
    let host = |role: &str, address: &str, port: &str| -> io::Result<Child> {
        let mut command = Command::new(env::current_exe()?);
        command.args([role, address, port, &counter.0]).env("HOSTS_KEY", &key);
        command.stdout(Stdio::piped()).spawn()
    };
    let mut serving = host("serve", "127.0.0.2", "0")?;
    let mut lines = BufReader::new(serving.stdout.take().ok_or("no output")?).lines();
    let bound = lines.next().ok_or("the host that serves has ended")??;
    let (address, port) = bound.split_once(' ').ok_or("no address and port")?;
    let mut working = host("work", address, port)?;
    println!("{}", lines.next().ok_or("the host that serves has ended")??);
    println!("the hosts ended: {}, {}", serving.wait()?, working.wait()?);
    Ok(())
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [role, address, port, path] = arguments else { return play() };
    let (port, key) = (port.parse()?, env::var("HOSTS_KEY")?.into_bytes());
    match role.as_str() {
        "serve" => serve(address, port, path, key),
        _ => work(address, port, path, &key),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
