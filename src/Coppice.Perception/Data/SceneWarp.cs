namespace Coppice.Perception.Data;

/// <summary>An affine map from a scene to a new picture, and the sampling that it needs.</summary>
internal readonly struct SceneWarp
{
    private readonly int _fromWidth;
    private readonly int _fromHeight;
    private readonly int _width;
    private readonly int _height;

    // New pixels from fractions of the scene: (a u + b v + c, d u + e v + f).
    private readonly float _a, _b, _c, _d, _e, _f;

    // Fractions of the scene from new pixels.
    private readonly float _ia, _ib, _ic, _id, _ie, _if;

    public SceneWarp(int fromWidth, int fromHeight, int width, int height, bool mirrored, float angle, float scaleX, float scaleY, float shiftX, float shiftY)
    {
        (_fromWidth, _fromHeight, _width, _height) = (fromWidth, fromHeight, width, height);
        float cos = MathF.Cos(angle), sin = MathF.Sin(angle), x = width * scaleX * (mirrored ? -1 : 1), y = height * scaleY;
        (_a, _b, _d, _e) = (cos * x, -sin * y, sin * x, cos * y);
        float room = MathF.Abs(scaleX - 1) * width * shiftX, roomY = MathF.Abs(scaleY - 1) * height * shiftY;
        _c = width / 2f + room - (_a + _b) / 2;
        _f = height / 2f + roomY - (_d + _e) / 2;
        float determinant = _a * _e - _b * _d;
        (_ia, _ib, _id, _ie) = (_e / determinant, -_b / determinant, -_d / determinant, _a / determinant);
        _ic = -(_ia * _c + _ib * _f);
        _if = -(_id * _c + _ie * _f);
    }

    /// <summary>Where a place of the scene, in fractions, comes to lie, in pixels.</summary>
    public (float X, float Y) Place(float u, float v) => (_a * u + _b * v + _c, _d * u + _e * v + _f);

    /// <summary>The picture between pixels, linear; a border value outside. Larger pictures are halved first, so that every pixel of theirs counts.</summary>
    public RgbImage Sample(RgbImage image, byte border)
    {
        // Pixels of the scene between two new ones.
        float step = MathF.Max(MathF.Sqrt(_ia * _ia * image.Width * image.Width + _id * _id * image.Height * image.Height), MathF.Sqrt(_ib * _ib * image.Width * image.Width + _ie * _ie * image.Height * image.Height));
        for (; step >= 1.9f && image.Width > 1 && image.Height > 1; step /= 2) image = Halve(image);
        var sampled = new RgbImage(_width, _height);
        byte[] from = image.Pixels, to = sampled.Pixels;
        int w = image.Width, h = image.Height;
        for (int y = 0, at = 0; y < _height; y++)
        {
            for (int x = 0; x < _width; x++, at += 3)
            {
                float u = (_ia * (x + 0.5f) + _ib * (y + 0.5f) + _ic) * w, v = (_id * (x + 0.5f) + _ie * (y + 0.5f) + _if) * h;
                if (!(u >= 0 && v >= 0 && u < w && v < h))
                {
                    to.AsSpan(at, 3).Fill(border);
                    continue;
                }

                u = Math.Clamp(u - 0.5f, 0, w - 1);
                v = Math.Clamp(v - 0.5f, 0, h - 1);
                int left = (int)u, top = (int)v;
                int right = left + 1 < w ? 3 : 0, below = top + 1 < h ? 3 * w : 0, first = 3 * (top * w + left);
                float rx = u - left, ry = v - top;
                for (int c = 0; c < 3; c++)
                {
                    float upper = from[first + c] + (from[first + right + c] - from[first + c]) * rx;
                    float lower = from[first + below + c] + (from[first + below + right + c] - from[first + below + c]) * rx;
                    to[at + c] = (byte)(upper + (lower - upper) * ry + 0.5f);
                }
            }
        }

        return sampled;
    }

    /// <summary>Labels of the nearest pixels; a border value outside.</summary>
    public byte[] Sample(byte[] labels, byte border)
    {
        byte[] sampled = new byte[_width * _height];
        for (int y = 0, at = 0; y < _height; y++)
        {
            for (int x = 0; x < _width; x++, at++)
            {
                float u = (_ia * (x + 0.5f) + _ib * (y + 0.5f) + _ic) * _fromWidth, v = (_id * (x + 0.5f) + _ie * (y + 0.5f) + _if) * _fromHeight;
                sampled[at] = u >= 0 && v >= 0 && u < _fromWidth && v < _fromHeight ? labels[(int)v * _fromWidth + (int)u] : border;
            }
        }

        return sampled;
    }

    private static RgbImage Halve(RgbImage image)
    {
        var half = new RgbImage(image.Width / 2, image.Height / 2);
        for (int y = 0, at = 0; y < half.Height; y++)
        {
            for (int x = 0; x < half.Width; x++)
            {
                int from = 3 * (2 * y * image.Width + 2 * x), below = from + 3 * image.Width;
                for (int c = 0; c < 3; c++, at++)
                    half.Pixels[at] = (byte)((image.Pixels[from + c] + image.Pixels[from + 3 + c] + image.Pixels[below + c] + image.Pixels[below + 3 + c] + 2) / 4);
            }
        }

        return half;
    }
}
