//! Asks for a password: whoever sits at the terminal, without showing it, or the first line of stdin.

use std::io::{BufRead, IsTerminal, Read, stdin};

use anyhow::{Context, bail};

/// A client cannot send more.
const MAX: usize = u16::MAX as usize;

/// One that is to be set: typed twice.
pub(super) fn new_password(from_stdin: bool) -> anyhow::Result<Vec<u8>> {
    let password = password(from_stdin)?;
    if is_typed(from_stdin) && typed("Once more: ")? != password {
        bail!("these were two passwords; nothing was changed");
    }
    Ok(password)
}

/// One that is to be checked.
pub(super) fn password(from_stdin: bool) -> anyhow::Result<Vec<u8>> {
    let password = if is_typed(from_stdin) { typed("Password: ")? } else { first_line()? };
    match password.len() {
        0 => bail!("there is no password"),
        1..=MAX => Ok(password),
        _ => bail!("the password is longer than {MAX} bytes, which no client can send"),
    }
}

fn is_typed(from_stdin: bool) -> bool {
    !from_stdin && stdin().is_terminal()
}

fn typed(prompt: &str) -> anyhow::Result<Vec<u8>> {
    let password = rpassword::prompt_password(prompt).context("cannot ask for the password")?;
    Ok(password.into_bytes())
}

/// Without the end of the line. It need not be text.
fn first_line() -> anyhow::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut input = stdin().lock().take(MAX as u64 + 3);
    input.read_until(b'\n', &mut line).context("cannot read the password from stdin")?;
    if line.pop_if(|byte| *byte == b'\n').is_some() {
        line.pop_if(|byte| *byte == b'\r');
    }
    Ok(line)
}
