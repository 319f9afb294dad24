"""The tiny networks that the reference maps were computed on; names and shapes of their layers are part of the data."""

import torch
from torch import Tensor, nn


class Cnn2d(nn.Module):
    """(B, 3, 64, 64) to five logits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.conv3 = nn.Conv2d(16, 16, 3, padding=1)
        self.relu3 = nn.ReLU()
        self.gap = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(16, 5)

    def forward(self, image: Tensor) -> Tensor:
        hidden = self.pool1(self.relu1(self.conv1(image)))
        hidden = self.pool2(self.relu2(self.conv2(hidden)))
        hidden = self.relu3(self.conv3(hidden))
        return self.fc(self.flatten(self.gap(hidden)))  # type: ignore[no-any-return]


class Vgg2d(nn.Module):
    """(B, 3, 64, 64) to five logits, as features and classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 12, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(12, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(4),
        )
        self.classifier = nn.Sequential(nn.Linear(16 * 8 * 8, 24), nn.ReLU(), nn.Linear(24, 5))

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.features(image), 1))  # type: ignore[no-any-return]


class UNet2d(nn.Module):
    """(B, 1, 48, 48) to three logits per pixel: concatenated skips, max-pooling, transposed convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.enc1a = nn.Conv2d(1, 8, 3, padding=1)
        self.enc1a_relu = nn.ReLU()
        self.enc1b = nn.Conv2d(8, 8, 3, padding=1)
        self.enc1b_relu = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.enc2 = nn.Conv2d(8, 16, 3, padding=1)
        self.enc2_relu = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.bott = nn.Conv2d(16, 24, 3, padding=1)
        self.bott_relu = nn.ReLU()
        self.up2 = nn.ConvTranspose2d(24, 16, 2, stride=2)
        self.dec2 = nn.Conv2d(32, 16, 3, padding=1)
        self.dec2_relu = nn.ReLU()
        self.up1 = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.dec1 = nn.Conv2d(16, 8, 3, padding=1)
        self.dec1_relu = nn.ReLU()
        self.head = nn.Conv2d(8, 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        fine = self.enc1b_relu(self.enc1b(self.enc1a_relu(self.enc1a(image))))
        middle = self.enc2_relu(self.enc2(self.pool1(fine)))
        hidden = self.bott_relu(self.bott(self.pool2(middle)))
        hidden = self.dec2_relu(self.dec2(torch.cat([self.up2(hidden), middle], 1)))
        hidden = self.dec1_relu(self.dec1(torch.cat([self.up1(hidden), fine], 1)))
        return self.head(hidden)  # type: ignore[no-any-return]


class Cnn3d(nn.Module):
    """(B, 1, 24, 24, 24) to three logits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(1, 6, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool3d(2)
        self.conv2 = nn.Conv3d(6, 12, 3, padding=1)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool3d(2)
        self.conv3 = nn.Conv3d(12, 12, 3, padding=1)
        self.relu3 = nn.ReLU()
        self.gap = nn.AdaptiveAvgPool3d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(12, 3)

    def forward(self, image: Tensor) -> Tensor:
        hidden = self.pool1(self.relu1(self.conv1(image)))
        hidden = self.pool2(self.relu2(self.conv2(hidden)))
        hidden = self.relu3(self.conv3(hidden))
        return self.fc(self.flatten(self.gap(hidden)))  # type: ignore[no-any-return]


class UNet3d(nn.Module):
    """(B, 1, 24, 24, 24) to two logits per voxel: batch norm, average then max-pooling, transposed convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.enc1 = nn.Conv3d(1, 6, 3, padding=1)
        self.enc1_bn = nn.BatchNorm3d(6)
        self.enc1_relu = nn.ReLU()
        self.pool1 = nn.AvgPool3d(2)
        self.enc2 = nn.Conv3d(6, 12, 3, padding=1)
        self.enc2_bn = nn.BatchNorm3d(12)
        self.enc2_relu = nn.ReLU()
        self.pool2 = nn.MaxPool3d(2)
        self.bott = nn.Conv3d(12, 16, 3, padding=1)
        self.bott_bn = nn.BatchNorm3d(16)
        self.bott_relu = nn.ReLU()
        self.up2 = nn.ConvTranspose3d(16, 12, 2, stride=2)
        self.dec2 = nn.Conv3d(24, 12, 3, padding=1)
        self.dec2_bn = nn.BatchNorm3d(12)
        self.dec2_relu = nn.ReLU()
        self.up1 = nn.ConvTranspose3d(12, 6, 2, stride=2)
        self.dec1 = nn.Conv3d(12, 6, 3, padding=1)
        self.dec1_bn = nn.BatchNorm3d(6)
        self.dec1_relu = nn.ReLU()
        self.head = nn.Conv3d(6, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        fine = self.enc1_relu(self.enc1_bn(self.enc1(image)))
        middle = self.enc2_relu(self.enc2_bn(self.enc2(self.pool1(fine))))
        hidden = self.bott_relu(self.bott_bn(self.bott(self.pool2(middle))))
        hidden = self.dec2_relu(self.dec2_bn(self.dec2(torch.cat([self.up2(hidden), middle], 1))))
        hidden = self.dec1_relu(self.dec1_bn(self.dec1(torch.cat([self.up1(hidden), fine], 1))))
        return self.head(hidden)  # type: ignore[no-any-return]


MODELS: dict[str, type[nn.Module]] = {
    "cnn2d": Cnn2d,
    "vgg2d": Vgg2d,
    "unet2d": UNet2d,
    "cnn3d": Cnn3d,
    "unet3d": UNet3d,
}
