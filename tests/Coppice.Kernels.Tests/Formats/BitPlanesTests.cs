using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Tests.Formats;

public sealed class BitPlanesTests
{
    [Theory]
    [InlineData(1, 1, 4)]
    [InlineData(1, 32, 2)]
    [InlineData(2, 32, 0)]
    [InlineData(2, 32, 4)]
    [InlineData(4, 16, 0)]
    [InlineData(4, 64, 0)]
    public void What_is_packed_comes_back(int bits, int run, int shift)
    {
        var codes = new byte[256];
        new Random(bits).NextBytes(codes);
        int mask = ((1 << bits) - 1) << shift;
        var packed = new byte[256 * bits / 8];
        BitPlanes.Pack(codes, bits, run, shift, packed);
        var back = new byte[256];
        BitPlanes.Unpack(packed, bits, run, shift, back);
        Assert.Equal(codes.Select(c => (byte)(c & mask)), back);
    }

    [Fact]
    public void A_plane_is_one_field_of_every_byte_of_its_run()
    {
        var codes = new byte[64];
        BitPlanes.Unpack([.. Enumerable.Repeat((byte)0x21, 16), .. Enumerable.Repeat((byte)0x43, 16)], 4, 16, 0, codes);
        Assert.Equal([1, 2, 3, 4], [codes[0], codes[16], codes[32], codes[63]]);
    }
}
