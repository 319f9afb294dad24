"""Entries about pictures rather than maps: what is kept of each in the small copy."""

KEPT = {
    "lucent.fft_image.none.2x3x31x33_d1": ("spectrum_real_imag", "freqs", "image"),
    "lucent.to_valid_rgb.none": ("in", "out_decorrelate", "out_plain", "linear_decorrelated", "matrix"),
    "lucent.param_image.none.fft1_deco1": ("parameters", "image"),
    "lucent.pixel_image.none": ("parameters", "image"),
    "lucent.lowres_tensor.none": ("parameters", "image"),
    "lucent.render_vis_channel.cnn2d.cnn2d": ("spectrum_start", "channel_mean_start", "channel_mean_final"),
}
