//! All figures as one page that needs nobody: no script, no font, no picture from elsewhere.

use std::fmt::Write as _;

use super::figures::{Entry, Figure, Goal, Part, Verdict, spelled};

const STYLE: &str = "
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 54rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid #8886 } h3 { margin: 1.5rem 0 .2rem }
svg { width: 100%; height: auto } text { font-size: 12px; fill: currentColor }
.ours { fill: #2a78b8 } .peer { fill: #8a8f98 } .range { stroke: currentColor; opacity: .7 }
.goal { stroke: #c47a00; stroke-dasharray: 4 3 }
.met { color: #1a7f4b } .missed { color: #b3261e; font-weight: 600 } .open { color: #777 }
small, li { color: #777 }
";
const WIDTH: f64 = 820.0;
/// Room for names at the left and for numbers at the right.
const LEFT: f64 = 330.0;
const RIGHT: f64 = 90.0;
const ROW: f64 = 24.0;

/// The whole page.
pub fn page(parts: &[Part]) -> String {
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content='width=device-width'><title>Konsil beside others</title>\
         <style>{STYLE}</style><h1>Konsil beside others</h1><p>Measured in turns on one machine. \
         A bar is the middle round, its line goes from the lowest to the highest one; \
         what is dashed is aimed at.</p>"
    );
    for part in parts {
        let _ = write!(page, "<h2>{}</h2>", escaped(&part.name));
        part.figures.iter().for_each(|it| figure(&mut page, it));
        page += "<ul>";
        for note in &part.notes {
            let _ = write!(page, "<li>{}", escaped(note));
        }
        let line = escaped(&part.machine.line());
        let _ = write!(
            page,
            "</ul><p><small>{line}; seed {}; Unix time {}.</small></p>",
            part.seed, part.at
        );
    }
    page + "</html>\n"
}

fn figure(page: &mut String, it: &Figure) {
    let (what, unit) = (escaped(&it.what), escaped(&it.unit));
    let _ = write!(page, "<h3>{what} <small>{unit}</small></h3>");
    for (number, (words, verdict)) in it.judged().into_iter().enumerate() {
        let class = match verdict {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::Open => "open",
        };
        let comma = if number > 0 { ", " } else { "" };
        let _ = write!(page, "{comma}<span class={class}>{}: {class}</span>", escaped(&words));
    }
    *page += &bars(it);
}

/// A bar for everybody, ours in colour.
fn bars(it: &Figure) -> String {
    let high = ROW * it.entries.len() as f64 + 6.0;
    let bar = it.goals.iter().find_map(|goal| match goal {
        Goal::AtLeast(bar) | Goal::AtMost(bar) => Some(*bar),
        Goal::TimesOf(..) => None,
    });
    let most = it.entries.iter().map(|entry| entry.range().1).chain(bar).fold(1e-9, f64::max);
    let x = |value: f64| LEFT + value / most * (WIDTH - LEFT - RIGHT);
    let mut svg =
        format!("<svg viewBox='0 0 {WIDTH} {high}' role=img><title>{}</title>", escaped(&it.what));
    for (row, entry) in it.entries.iter().enumerate() {
        one(&mut svg, entry, row as f64 * ROW, &x);
    }
    if let Some(bar) = bar {
        let at = x(bar);
        let _ = write!(svg, "<line class=goal x1='{at:.1}' x2='{at:.1}' y1='0' y2='{high}'/>");
    }
    svg + "</svg>"
}

fn one(svg: &mut String, entry: &Entry, top: f64, x: &impl Fn(f64) -> f64) {
    let (class, middle) = (if entry.ours { "ours" } else { "peer" }, top + ROW / 2.0);
    let ((low, high), median) = (entry.range(), entry.median());
    let _ = write!(
        svg,
        "<text x='{:.1}' y='{:.1}' text-anchor=end>{}</text>\
         <rect class={class} x='{LEFT}' y='{:.1}' width='{:.1}' height='{:.1}'/>\
         <line class=range x1='{:.1}' x2='{:.1}' y1='{middle:.1}' y2='{middle:.1}'/>\
         <text x='{:.1}' y='{:.1}'>{}</text>",
        LEFT - 8.0,
        middle + 4.0,
        escaped(&entry.who),
        top + 4.0,
        (x(median) - LEFT).max(1.0),
        ROW - 8.0,
        x(low),
        x(high),
        x(high.max(median)) + 6.0,
        middle + 4.0,
        spelled(median)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::machine::Machine;
    use std::path::Path;

    #[test]
    fn the_page_shows_everybody_and_asks_nobody() {
        let mut figure = Figure::new("fan-out <b>", "/s", vec![Goal::AtLeast(3.0)]);
        figure.add("konsil", true, 2.0);
        figure.add("a & b", false, 1.0);
        let part = Part {
            name: "fanout".into(),
            machine: Machine::here(Path::new(".")),
            seed: 1,
            at: 7,
            figures: vec![figure],
            notes: vec!["plain".into()],
        };
        let page = page(&[part]);
        for words in ["fan-out &lt;b&gt;", "a &amp; b", "class=missed", "class=goal", "<li>plain"] {
            assert!(page.contains(words), "{words}");
        }
        for foreign in ["src=", "href=", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign} asks somebody else");
        }
    }
}
