// SPDX-License-Identifier: Apache-2.0
//! The lab's stand-in for the Kata agent: what the real one does when a checkpoint is asked for.

use rustjail::container::Checkpoint;
use std::env;
use std::process::exit;

const USAGE: &str = "usage: kata-agent --version
       kata-agent checkpoint --pid PID --image-path DIR --work-path DIR
                  [--leave-running] [--file-locks]";

fn usage() -> ! {
    eprintln!("{USAGE}");
    exit(2);
}

fn checkpoint(mut args: impl Iterator<Item = String>) -> i32 {
    let mut request = Checkpoint::default();
    while let Some(option) = args.next() {
        match option.as_str() {
            "--leave-running" => request.leave_running = true,
            "--file-locks" => request.file_locks = true,
            "--pid" | "--image-path" | "--work-path" => {
                let Some(value) = args.next() else { usage() };
                match option.as_str() {
                    "--pid" => request.pid = value.parse().unwrap_or_else(|_| usage()),
                    "--image-path" => request.images_dir = value.into(),
                    _ => request.work_dir = value.into(),
                }
            }
            _ => usage(),
        }
    }
    if request.pid == 0 || request.images_dir.as_os_str().is_empty() {
        usage();
    }
    match request.dump() {
        Ok(status) => status.code().unwrap_or(1),
        Err(error) => {
            eprintln!("kata-agent: checkpoint of process {}: {error}", request.pid);
            1
        }
    }
}

fn main() {
    let mut args = env::args().skip(1);
    match args.next().as_deref() {
        Some("--version") => println!("kata-agent version {} (lab)", env!("CARGO_PKG_VERSION")),
        Some("checkpoint") => exit(checkpoint(args)),
        _ => usage(),
    }
}
