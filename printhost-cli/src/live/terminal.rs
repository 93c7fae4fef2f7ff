//! The terminal while the live screen has it. However that ends, the terminal is as it was before.

use std::{
    io::{self, Stdout, stdout},
    panic,
    sync::Once,
};

use crossterm::{
    cursor::Show,
    execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{Frame, backend::CrosstermBackend};

/// Raw mode and the alternate screen, given back when dropped, and before a panic is told.
#[derive(Debug)]
pub(super) struct Terminal {
    inner: ratatui::Terminal<CrosstermBackend<Stdout>>,
}

impl Terminal {
    /// Takes the terminal.
    pub(super) fn enter() -> io::Result<Self> {
        restore_before_panics();
        enable_raw_mode()?;
        let entered = execute!(stdout(), EnterAlternateScreen)
            .and_then(|()| ratatui::Terminal::new(CrosstermBackend::new(stdout())));
        match entered {
            Ok(inner) => Ok(Self { inner }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// Shows a frame; a terminal that was resized is drawn anew.
    pub(super) fn draw(&mut self, frame: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.inner.draw(frame).map(drop)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// A terminal that has gone needs nothing any more.
fn restore() {
    let _ = disable_raw_mode();
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
}

fn restore_before_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
    });
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    #[ignore = "run by the test below, in a terminal"]
    fn panic_in_a_terminal() {
        let mut terminal = Terminal::enter().expect("a terminal");
        terminal.draw(|frame| frame.render_widget("before the panic", frame.area())).expect("a frame");
        panic!("on purpose");
    }

    #[test]
    fn panic_restores_the_terminal_before_it_is_told() {
        let this = std::env::current_exe().expect("a path");
        let inside = format!(
            "stty -a; {} --ignored --exact live::terminal::tests::panic_in_a_terminal --nocapture; stty -a",
            this.display()
        );
        let ran = Command::new("script").args(["-qec", &inside, "/dev/null"]).output().expect("script runs");
        let seen = String::from_utf8_lossy(&ran.stdout);
        let at = |what: &str| seen.find(what).unwrap_or_else(|| panic!("no {what:?} in {seen:?}"));
        let (entered, left, told) = (at("\x1b[?1049h"), at("\x1b[?1049l"), at("on purpose"));
        assert!(entered < left && left < told, "{seen:?}");
        let modes: Vec<&str> = seen.lines().filter(|line| line.contains("icanon")).collect();
        assert_eq!(modes.len(), 2, "{seen:?}");
        assert_eq!(modes[0].trim(), modes[1].trim());
    }
}
