namespace Coppice.Kernels.Tests;

public sealed class PageCacheTests
{
    [Fact]
    public void A_file_that_was_just_written_is_cached_and_stays_whole_when_it_is_dropped()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("only Linux tells");
        string path = Path.GetTempFileName();
        try
        {
            byte[] content = new byte[(1 << 20) + 123];
            new Random(1).NextBytes(content);
            File.WriteAllBytes(path, content);
            Assert.Equal(content.Length, PageCache.CachedBytes(path));
            PageCache.Drop(path);
            // A file system in memory has nowhere to drop it to.
            long left = PageCache.CachedBytes(path)!.Value;
            Assert.True(left == 0 || left == content.Length, $"{left} bytes are left");
            Assert.Equal(content, File.ReadAllBytes(path));
            Assert.Equal(content.Length, PageCache.CachedBytes(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_file_that_is_not_there_is_an_error()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("only Linux tells");
        Assert.Throws<FileNotFoundException>(() => PageCache.Drop("/nowhere"));
        Assert.Throws<FileNotFoundException>(() => PageCache.CachedBytes("/nowhere"));
    }
}
