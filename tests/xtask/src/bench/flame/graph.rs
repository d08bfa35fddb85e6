//! Stacks of samples as a flame graph: the width of a function is its share of the samples, and
//! what it calls is below it.

use rustc_demangle::demangle;
use std::collections::BTreeMap;
use std::fmt::Write;

const WIDTH: f64 = 1400.0;
const ROW: f64 = 17.0;
const TITLE: f64 = 24.0;
/// Pixels of the narrowest function that is drawn, and of a letter.
const NARROWEST: f64 = 0.5;
const LETTER: f64 = 6.2;
/// Name of the stacks that do not lead back to a request: the stack of an extension ends in code
/// that perf cannot unwind, and other threads have their own.
const BESIDE: &str = "extension, its calls of the host, and other threads";

/// Samples of a function below the same callers.
#[derive(Default)]
struct Node {
    samples: u64,
    calls: BTreeMap<String, Node>,
}

pub(super) struct Graph {
    root: Node,
    /// Samples in a function itself, by its name.
    own: BTreeMap<String, u64>,
}

impl Graph {
    /// Reads what `perf script --fields ip,sym` prints: the frames of each sample from the inside
    /// out, and an empty line. Callers of the function `from` are left out.
    pub(super) fn of(samples: &str, from: &str) -> Self {
        let mut graph = Self {
            root: Node::default(),
            own: BTreeMap::new(),
        };
        for stack in samples.split("\n\n") {
            let frames: Vec<String> = stack.lines().filter_map(function).collect();
            graph.add(&frames, from);
        }
        graph
    }

    fn add(&mut self, frames: &[String], from: &str) {
        let Some(innermost) = frames.first() else { return };
        *self.own.entry(innermost.clone()).or_default() += 1;
        let request = frames.iter().position(|frame| frame.starts_with(from));
        let inside = frames.get(..request.unwrap_or(frames.len())).unwrap_or_default();
        let beside = request.is_none().then(|| BESIDE.to_owned());
        self.root.samples += 1;
        let mut node = &mut self.root;
        for frame in beside.iter().chain(inside.iter().rev()) {
            node = node.calls.entry(frame.clone()).or_default();
            node.samples += 1;
        }
    }

    pub(super) fn samples(&self) -> u64 {
        self.root.samples
    }

    /// Returns functions with their share of the samples in percent, the busiest first.
    pub(super) fn busiest(&self) -> Vec<(&str, f64)> {
        let all = self.own.iter();
        let share = |count: &u64| *count as f64 * 100.0 / self.root.samples.max(1) as f64;
        let mut shares: Vec<_> = all.map(|(name, count)| (name.as_str(), share(count))).collect();
        shares.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        shares
    }

    pub(super) fn svg(&self, title: &str) -> String {
        let height = TITLE + ROW * self.root.depth() as f64;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" font-family=\"monospace\" font-size=\"10\">\n\
             <text x=\"4\" y=\"16\" font-size=\"13\">{}</text>\n",
            escaped(title)
        );
        let scale = WIDTH / self.root.samples.max(1) as f64;
        draw(&mut svg, &self.root, (0.0, TITLE), scale);
        svg + "</svg>\n"
    }
}

impl Node {
    fn depth(&self) -> usize {
        self.calls.values().map(|call| 1 + call.depth()).max().unwrap_or(0)
    }
}

/// Draws what a function calls, from this place on.
fn draw(svg: &mut String, node: &Node, (mut x, y): (f64, f64), scale: f64) {
    for (name, call) in &node.calls {
        let width = call.samples as f64 * scale;
        if width < NARROWEST {
            continue;
        }
        let mut left = width / LETTER - 1.0;
        let fits = |_: &char| {
            left -= 1.0;
            left >= 0.0
        };
        let shown: String = name.chars().take_while(fits).collect();
        let percent = call.samples as f64 * scale * 100.0 / WIDTH;
        let (text_x, text_y, row) = (x + 2.0, y + ROW - 5.0, ROW - 1.0);
        writeln!(
            svg,
            "<g><title>{} ({percent:.1} %)</title><rect x=\"{x:.1}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"{row:.0}\" fill=\"{}\"/><text x=\"{text_x:.1}\" y=\"{text_y:.0}\">{}</text></g>",
            escaped(name),
            color(name),
            escaped(&shown)
        )
        .ok();
        draw(svg, call, (x, y + ROW), scale);
        x += width;
    }
}

/// Returns the function of a frame: an address in hexadecimal, and its name.
fn function(line: &str) -> Option<String> {
    let (_, name) = line.trim().split_once(' ')?;
    // Without the hash of a legacy name.
    Some(format!("{:#}", demangle(name)))
}

/// Returns the color of a function: by this platform, the engine, the HTTP server, or others.
fn color(name: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["alga_"]) {
        "#ffb347"
    } else if has(&["wasm"]) {
        "#9ad0f5"
    } else if has(&["hyper", "axum", "tower", "tokio", "http"]) {
        "#b7e3b0"
    } else {
        "#e3e0da"
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLES: &str = "\n\t 1a memset\n\t 2b alga_execute::run<T>\n\t 3c bench::one\n\t 4d main\n\n\
        \t 1a memset\n\t 3c bench::one\n\t 4d main\n\n\t 5e _RNvC6_123foo3bar\n\n";

    #[test]
    fn widths_are_shares_and_what_does_not_lead_to_a_request_is_beside() {
        let graph = Graph::of(SAMPLES, "bench::one");
        assert_eq!(graph.samples(), 3);
        let (busiest, share) = graph.busiest()[0];
        assert_eq!((busiest, share.round()), ("memset", 67.0));
        let svg = graph.svg("a < b");
        assert!(
            svg.contains("a &lt; b") && svg.contains("alga_execute::run&lt;T&gt; (33.3 %)"),
            "{svg}"
        );
        assert!(svg.contains(BESIDE) && svg.contains("123foo::bar (33.3 %)"), "{svg}");
        assert!(!svg.contains("main"), "{svg}");
        assert_eq!(svg.matches("<g>").count(), svg.matches("</g>").count());
    }
}
