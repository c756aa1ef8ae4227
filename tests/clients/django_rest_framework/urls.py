from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView


class Me(APIView):
    def get(self, request):
        return Response({"id": request.user.id, "scope": request.auth["scope"]})


urlpatterns = [path("me", Me.as_view())]
