//! The `nva` command.

fn main() -> std::process::ExitCode {
    nva::cli::main()
}
