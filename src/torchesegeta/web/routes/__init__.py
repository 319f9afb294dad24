"""The addresses, by what they are about."""

from fastapi import APIRouter

from torchesegeta.web.routes import choices, configs, images, maps, runs, volumes

ROUTERS: tuple[APIRouter, ...] = (
    choices.router,
    images.router,
    configs.router,
    runs.router,
    maps.router,
    volumes.router,
)

__all__ = ["ROUTERS"]
