namespace Coppice.Tests;

public sealed class SmokeTests
{
    [Fact]
    public void The_test_host_runs() => Assert.True(typeof(SmokeTests).IsClass);
}
