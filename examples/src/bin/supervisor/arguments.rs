//! The command line.

use std::time::Duration;

use crate::service::{Policy, Service};

pub const USAGE: &str = "usage: supervisor [--grace SECONDS] NAME=COMMAND... | --self-test";

/// What the program is to do.
#[derive(Debug, PartialEq)]
pub enum Asked {
    Run(Vec<Service>, Policy),
    SelfTest,
}

/// # Errors
/// What is wrong, for the user.
pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut arguments = arguments.peekable();
    let mut policy = Policy::default();
    let mut services: Vec<Service> = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--self-test" if services.is_empty() && arguments.peek().is_none() => {
                return Ok(Asked::SelfTest);
            }
            "--grace" => {
                let seconds = arguments.next().ok_or("--grace needs a number of seconds")?;
                let seconds = seconds.parse().map_err(|error| format!("{seconds:?}: {error}"))?;
                policy.grace = Duration::try_from_secs_f64(seconds)
                    .map_err(|error| format!("{seconds}: {error}"))?;
            }
            _ => {
                let service = match argument.split_once('=') {
                    Some((name, command)) if !name.is_empty() && !name.starts_with('-') => {
                        Service { name: name.to_owned(), command: command.to_owned() }
                    }
                    _ => return Err(format!("{argument:?} is no NAME=COMMAND")),
                };
                if services.iter().any(|other| other.name == service.name) {
                    return Err(format!("two commands of the name {:?}", service.name));
                }
                services.push(service);
            }
        }
    }
    if services.is_empty() {
        return Err("nothing to supervise".to_owned());
    }
    Ok(Asked::Run(services, policy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Asked, String> {
        parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn services_and_grace_are_read() {
        let asked = parsed(&["--grace", "0.5", "a=sleep 1", "b=echo x=y"]).unwrap();
        let Asked::Run(services, policy) = asked else { panic!("{asked:?}") };
        assert_eq!(policy.grace, Duration::from_millis(500));
        let named = |name: &str, command: &str| Service {
            name: name.to_owned(),
            command: command.to_owned(),
        };
        assert_eq!(services, [named("a", "sleep 1"), named("b", "echo x=y")]);
        assert_eq!(parsed(&["--self-test"]), Ok(Asked::SelfTest));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (arguments, told) in [
            (&[][..], "nothing"),
            (&["sleep"], "no NAME=COMMAND"),
            (&["=sleep"], "no NAME=COMMAND"),
            (&["--what=1"], "no NAME=COMMAND"),
            (&["a=1", "--self-test"], "no NAME=COMMAND"),
            (&["a=1", "a=2"], "two commands"),
            (&["--grace"], "needs a number"),
            (&["--grace", "soon", "a=1"], "soon"),
            (&["--grace", "-1", "a=1"], "negative"),
        ] {
            let wrong = parsed(arguments).unwrap_err();
            assert!(wrong.contains(told), "{arguments:?}: {wrong}");
        }
    }
}
