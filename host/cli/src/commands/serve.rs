use crate::outcome::{ErrorContext, Outcome};
use crate::printer::Printer;
use crate::settings::Settings;
use alga_server::{
    Config, Listener, LogFormat, Platform, ServeLimits, TlsCertificate, confine_files, confine_system_calls,
    protect_memory, serve, start_log,
};
use clap::Args;
use serde_json::json;
use std::io;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Threads beside those that extensions occupy, so that accepting, health checks, the registry and
/// logs do not wait for them.
const SPARE_WORKERS: usize = 2;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// Log filter, in the syntax of RUST_LOG
    #[arg(long, env = "RUST_LOG", hide_env_values = true, default_value = "info")]
    log: String,
    /// Stop when standard input ends, as it does when the process that started this one ends
    #[arg(long, hide = true)]
    stop_with_input: bool,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    protect_memory().internal_error("could not disable core dumps and debuggers")?;
    let config = arguments.settings.load()?;
    // What was logged last is written when this is dropped.
    let _log = start_log(LogFormat::for_standard_error(), &arguments.log, config.logs.is_some());
    // Before there are other threads: those that are started later inherit it.
    confine_files(&config).user_error("could not confine this process")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.run_slots + SPARE_WORKERS)
        .enable_all()
        .build()
        .internal_error("could not start the async runtime")?;
    runtime.block_on(run_platform(&config, arguments.stop_with_input, printer))
}

async fn run_platform(config: &Config, stops_with_input: bool, printer: &Printer) -> Outcome {
    let input = stops_with_input.then(input_end);
    let platform = Platform::start(config).await.user_error("could not start")?;
    platform.check_compiler(config).await.user_error("could not start")?;
    let context = format!("could not listen on {}", config.listen);
    let limits = ServeLimits::configured(config);
    let listener = Listener::bind(config.listen, &limits).user_error(&context);
    let mut listener = listener.map_err(|failed| failed.with_hint("is the port in use? choose another with --port"))?;
    let address = listener.local_addr().internal_error("")?;
    let mut scheme = "http";
    if let Some(files) = &config.tls {
        let certificate = TlsCertificate::open(files.clone()).await;
        listener = listener.with_tls(certificate.user_error("could not start")?);
        scheme = "https";
    }
    confine_system_calls(config).user_error("could not confine this process")?;
    // Parent processes wait for this line.
    printer.output(&json!({ "listening": format!("{scheme}://{address}") }), || {
        format!("listening on {scheme}://{address}")
    });
    platform.watch().internal_error("could not start the watchdog")?;
    let mut terminate = signal(SignalKind::terminate()).internal_error("")?;
    let draining = &platform;
    let stop = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
            () = platform.poisoned() => {}
            () = ended(input) => {}
        }
        draining.drain();
    };
    let served = serve(listener, platform.router.clone(), limits, stop);
    // The maintenance tasks never end; serving does.
    let served = tokio::select! {
        served = served => served,
        () = platform.run_maintenance(config.records) => Ok(()),
        () = platform.follow_revocations() => Ok(()),
        () = platform.follow_changes() => Ok(()),
    };
    platform.close().await;
    served.internal_error("")?;
    if platform.execute().is_some_and(|execute| execute.is_poisoned()) {
        return Err(io::Error::other("an execution made this process panic")).internal_error("");
    }
    Ok(())
}

/// Returns what is sent when standard input ends. A thread of its own reads it: tokio's would not
/// end with the runtime.
fn input_end() -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        io::copy(&mut io::stdin().lock(), &mut io::sink()).ok();
        // Nothing receives it if the platform stops already.
        sender.send(()).ok();
    });
    receiver
}

/// Waits for the end of standard input; without one, it never returns.
async fn ended(input: Option<oneshot::Receiver<()>>) {
    match input {
        Some(input) => drop(input.await),
        None => std::future::pending().await,
    }
}
