// Engines keep all cores busy: side by side they only wait for each other.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
